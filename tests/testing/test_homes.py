"""Several apps under one harness: whose job it is, one end for all, and calls nobody awaited."""

import asyncio
from datetime import timedelta

import pytest

from pytest_taskq import job
from pytest_taskq.core.errors import BadOption, NotFinished
from pytest_taskq.docket import Perpetual

DAY = timedelta(days=1)


async def at_once(m): ...


@pytest.fixture
def both(docket, in_memory_app):
    docket.register(at_once, names=["same"])

    @in_memory_app.task(name="same")
    async def same(n):
        if n < 0:
            raise ValueError("less than nothing")

    return in_memory_app


@pytest.mark.asyncio
async def test_of_a_name_that_two_apps_have_the_one_is_meant_that_takes_the_arguments(taskq, both):
    await taskq.enqueue(job("same", n=1))
    taskq.assert_enqueued(job("same", n=1))
    with pytest.raises(BadOption, match="It takes m"):
        taskq.assert_enqueued(job("same", k=1))


@pytest.mark.taskq_time("2030-01-01")
@pytest.mark.asyncio
async def test_the_error_of_one_app_stops_the_time_of_the_other(taskq, both, docket):
    start = taskq.clock.time()
    await taskq.enqueue(job("same", n=-1), at="1h")
    await docket.add("same", when=start + 10 * DAY)(1)
    with pytest.raises(ValueError, match="less than nothing"):
        await taskq.drain(until="14d")
    assert taskq.clock.time() == start + timedelta(hours=1)
    assert [each.state for each in taskq.jobs(job("same", m=1))] == ["queued"]


@pytest.mark.asyncio
async def test_a_limit_is_one_for_all_apps(taskq, both, docket):
    async def tick():
        await docket.add(tick)()

    @both.task(name="tock")
    async def tock():
        await both.tasks["tock"].defer_async()

    await docket.add(tick)()
    await taskq.enqueue(job("tock"))
    with pytest.raises(NotFinished, match="After 10 attempts"):
        await taskq.drain(until="1d", limit=10)
    assert (
        10
        <= len(taskq.assert_executed(job(tick), times=None))
        + len(taskq.assert_executed(job("tock"), times=None))
        <= 12
    )  # each worker ends what it has in hand


@pytest.mark.asyncio
async def test_a_call_that_nobody_awaited_is_named_by_a_failed_assertion(taskq, both):
    await taskq.enqueue(job("same", n=1))
    forgotten = taskq.drain()
    with pytest.raises(AssertionError, match=r"taskq\.drain\(\) was not awaited \(test_homes\.py:"):
        taskq.assert_executed(job("same"))
    await forgotten


@pytest.mark.asyncio
async def test_cancelling_a_drain_cancels_it(taskq, docket):
    async def sleeps():
        await asyncio.sleep(50)

    await docket.add(sleeps)()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await taskq.drain()
    assert taskq.jobs(state="queued") == [job(sleeps)]


@pytest.mark.asyncio
async def test_what_ends_the_run_itself_was_looked_at(taskq, docket):
    async def fails():
        pytest.fail("on purpose")

    await docket.add(fails)()
    with pytest.raises(pytest.fail.Exception, match="on purpose"):
        await taskq.drain()


@pytest.mark.asyncio
async def test_calls_can_be_gathered(taskq, docket):
    await docket.add(at_once)(1)
    ran, more = await asyncio.gather(taskq.drain(), taskq.step())
    assert len(ran) + len(more) == 1


@pytest.mark.asyncio
async def test_a_job_that_is_there_already_is_given_and_not_performed_twice(taskq, soniq_app):
    @soniq_app.job(name="once", unique=True)
    async def once(n: int): ...

    first = await taskq.enqueue(job(once, n=1))
    again = await taskq.enqueue(job(once, n=1))
    assert again.job.id == first.job.id
    with pytest.raises(BadOption, match="in the queue already, as job #1"):
        await taskq.perform(job(once, n=1))
    assert taskq.jobs(state="queued") == [job(once)]


def test_a_sync_test_leaves_the_loop_of_its_thread_alone(taskq, docket):
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        docket.register(at_once)
        taskq.enqueue(job(at_once, 1))
        taskq.drain()
        assert asyncio.get_event_loop() is loop
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def test_a_sync_test_that_nothing_can_wake_ends(taskq, docket):
    async def waits():
        await asyncio.Event().wait()

    docket.register(waits)
    taskq.enqueue(job(waits))
    with pytest.raises(NotFinished, match=r"nothing can wake .*waits \(in Event\.wait"):
        taskq.drain()


def test_a_docket_learns_a_function_that_it_is_given_as_it_does_in_add(taskq, docket):
    async def every_day(perpetual=Perpetual(every=DAY)): ...

    assert taskq.perform(job(at_once, 1)).state == "succeeded"
    assert taskq.retry_plan(at_once) == []
    assert len(taskq.cron_plan(every_day, 3)) == 3
    assert {"at_once", "every_day"} <= docket.tasks.keys()
    assert taskq.enqueue(job(at_once, 2)).job.task == "at_once"


def test_of_two_apps_the_one_learns_it_that_does_so(taskq, in_memory_app, docket):
    assert taskq.perform(job(at_once, 1)).state == "succeeded"
    assert "at_once" in docket.tasks


def test_a_function_that_no_app_knows_is_told_with_the_nearest_names(
    taskq, in_memory_app, soniq_app
):
    in_memory_app.task(name=f"{__name__}.at_first")(at_once)

    async def at_onse(m): ...

    with pytest.raises(BadOption) as caught:
        taskq.perform(at_onse)
    assert str(caught.value) == (
        f"There is no task '{__name__}.at_onse'. The nearest is '{__name__}.at_first'. "
        "Register it on the app of the test, or correct the name."
    )


@pytest.mark.parametrize("call", ["perform", "enqueue", "retry_plan"])
def test_a_name_that_a_docket_does_not_know_is_refused(taskq, docket, call):
    with pytest.raises(BadOption, match=r"There is no task 'at_once'\."):
        getattr(taskq, call)("at_once")
