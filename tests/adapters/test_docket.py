"""A real Docket as ``taskq_app``: what the harness sees of it, runs on it, and refuses."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from docket import Cron, CurrentDocket, Docket, ExponentialRetry, Perpetual, Retry, Worker

from pytest_taskq import job
from pytest_taskq.core.errors import BadOption

pytestmark = pytest.mark.asyncio

SOON = timedelta(milliseconds=5)


class Basket:
    """No plain data."""

    def __init__(self, *fruit):
        self.fruit = fruit

    def __eq__(self, other):
        return isinstance(other, Basket) and self.fruit == other.fruit

    __hash__ = None


async def charge(cart_id, docket: Docket = CurrentDocket()):
    await docket.add(receipt)(cart_id)
    return f"charged {cart_id}"


async def receipt(cart_id, lang="en"):
    """Sent by mail."""


async def burn(times, retry: Retry = Retry(attempts=3)):
    if retry.attempt <= times:
        raise ValueError(f"attempt {retry.attempt}")


async def crash():
    raise LookupError("gone")


@pytest_asyncio.fixture
async def taskq_app():
    name = f"shop-{uuid4()}"
    async with Docket(name=name, url=f"memory://{name}") as docket:
        for task in (charge, receipt, burn, crash):
            docket.register(task)
        yield docket


async def test_what_is_added_is_seen_with_its_arguments_time_and_key(taskq, taskq_app):
    later = datetime.now(UTC) + timedelta(hours=1)
    await taskq_app.add(receipt, when=later, key="r-7")(7, lang="de")
    await taskq_app.add("charge")(8)
    taskq.assert_enqueued(job(receipt, cart_id=7, lang="de"), at="1h", key="r-7")
    taskq.assert_enqueued(job(charge, cart_id=8), key=None)
    taskq.assert_enqueued([job(receipt), job(charge)])
    with pytest.raises(AssertionError, match="cart_id"):
        taskq.assert_enqueued(job(receipt, cart_id=9))
    await taskq_app.clear()


async def test_arguments_that_are_no_plain_data_are_seen_as_they_were(taskq, taskq_app):
    await taskq_app.add(receipt)(Basket("apple"))
    taskq.assert_enqueued(job(receipt, cart_id=Basket("apple")))
    await taskq_app.clear()


async def test_a_key_that_is_taken_enqueues_nothing_and_replace_takes_its_place(taskq, taskq_app):
    await taskq_app.add(receipt, key="r")(1)
    await taskq_app.add(receipt, key="r")(2)
    taskq.assert_enqueued([job(receipt, cart_id=1)])
    await taskq_app.replace(receipt, datetime.now(UTC), "r")(3)
    assert [each.state.value for each in taskq.apps[0].jobs()] == ["cancelled", "queued"]
    assert await taskq.drain() == [job(receipt, cart_id=3)]


async def test_many_are_seen_one_by_one(taskq, taskq_app):
    await taskq_app.add_many([taskq_app.call(receipt)(n) for n in range(3)])
    taskq.assert_enqueued([job(receipt, cart_id=n) for n in range(3)])
    taskq.assert_enqueued(job(receipt, cart_id=1), key=None)
    assert len(await taskq.drain()) == 3


async def test_a_capture_sees_its_own_block_only(taskq, taskq_app):
    await taskq_app.add(receipt)(1)
    with taskq.capture() as new:
        await taskq_app.add(receipt)(2)
    new.assert_enqueued([job(receipt, cart_id=2)])
    await taskq_app.clear()


async def test_drain_runs_what_is_due_and_what_that_enqueues(taskq, taskq_app):
    await taskq_app.add(receipt, when=datetime.now(UTC) + timedelta(hours=1))(0)
    await taskq_app.add(charge)(7)
    ran = await taskq.drain()
    assert ran == [job(charge, cart_id=7), job(receipt, cart_id=7)]
    assert ran.jobs[0].result == "charged 7"
    assert ran.jobs[1].parent == ran.jobs[0].id
    assert ran.counts == {"succeeded": 2}
    assert not await taskq.drain()


async def test_drain_raises_the_exception_of_a_job_itself(taskq, taskq_app):
    await taskq_app.add(crash)()
    await taskq_app.add(receipt)(1)
    with pytest.raises(LookupError, match="gone") as caught:
        await taskq.drain()
    assert caught.traceback[-1].name == "crash"
    assert await taskq.drain() == [job(receipt, cart_id=1)]


async def test_retries_run_as_the_library_has_them(taskq, taskq_app):
    await taskq_app.add(burn)(2)
    ran = await taskq.drain(errors="retry")
    assert [each.task for each in ran] == ["burn"] * 3
    assert (ran[0].state, ran[0].attempts) == ("succeeded", 3)
    await taskq_app.add(burn)(9)
    ran = await taskq.drain(errors="retry")
    assert ran.counts == {"dead": 1}
    assert [str(error) for error in ran.errors] == ["attempt 3"]


async def test_a_step_runs_so_many_attempts(taskq, taskq_app):
    for n in range(3):
        await taskq_app.add(receipt)(n)
    assert await taskq.step(2) == [job(receipt, cart_id=0), job(receipt, cart_id=1)]
    assert await taskq.step(2) == [job(receipt, cart_id=2)]


async def test_perform_runs_one_new_job_with_the_attempt_asked_for(taskq, taskq_app):
    done = await taskq.perform(job(charge, cart_id=7))
    assert (done.result, done.state) == ("charged 7", "succeeded")
    done.enqueued.assert_enqueued([job(receipt, cart_id=7)])
    assert await taskq.drain() == [job(receipt, cart_id=7)]
    failed = await taskq.perform(job(burn, times=9), attempt=2)
    assert (str(failed.error), failed.state) == ("attempt 2", "retrying")
    assert not await taskq.drain()


async def test_what_a_worker_of_the_test_runs_is_seen_too(taskq, taskq_app):
    await taskq_app.add(charge)(7)
    async with Worker(taskq_app, minimum_check_interval=SOON, scheduling_resolution=SOON) as worker:
        await worker.run_until_finished()
    taskq.assert_executed(job(charge, cart_id=7))
    taskq.assert_executed(job(receipt, cart_id=7))


async def test_a_perpetual_task_is_a_new_job_each_time(taskq, taskq_app):
    async def tick(perpetual: Perpetual = Perpetual()):
        """Again."""

    await taskq_app.add(tick, key="tick")()
    async with Worker(taskq_app, minimum_check_interval=SOON, scheduling_resolution=SOON) as worker:
        await worker.run_at_most({"tick": 2})
    states = [each.state.value for each in taskq.apps[0].jobs()]
    assert states == ["succeeded", "succeeded"]


async def test_a_cancelled_job_is_seen_as_such(taskq, taskq_app):
    await taskq_app.add(receipt, key="r")(1)
    await taskq_app.cancel("r")
    taskq.assert_outcome(job(receipt), "cancelled")
    assert not await taskq.drain()


async def test_jobs_of_another_docket_object_are_found_when_the_test_drains(taskq, taskq_app):
    async with Docket(name=taskq_app.name, url=taskq_app.url) as other:
        await other.add(receipt)(1)
        taskq.assert_not_enqueued(job(receipt))
        assert await taskq.drain() == [job(receipt, cart_id=1)]


async def test_plans_are_read_from_the_tasks(taskq, taskq_app):
    async def mail(retry: Retry = ExponentialRetry(attempts=6, maximum_delay=timedelta(seconds=5))):
        """Sent again."""

    async def report(cron: Cron = Cron("0 9 * * 1", tz=ZoneInfo("Europe/Berlin"))):
        """On Mondays."""

    for task in (mail, report):
        taskq_app.register(task)
    assert taskq.retry_plan(burn) == [timedelta()] * 2
    assert taskq.retry_plan(mail) == [timedelta(seconds=n) for n in (1, 2, 4, 5, 5)]
    (monday,) = taskq.cron_plan(report, 1)
    assert (monday.weekday(), monday.hour) == (0, 9)


async def test_time_cannot_be_let_pass(taskq, taskq_app):
    await taskq_app.add(receipt, when=datetime.now(UTC) + timedelta(hours=1))(1)
    with pytest.raises(BadOption, match="not observable here"):
        await taskq.drain(until="2h")
    with pytest.raises(BadOption, match="real clock cannot be moved"):
        taskq.clock.advance(hours=2)


async def test_one_of_several_due_jobs_cannot_be_chosen(taskq, taskq_app):
    await taskq_app.add(receipt)(1)
    await taskq_app.add(charge)(1)
    with pytest.raises(BadOption, match="not observable here"):
        await taskq.step(only=charge)
    assert [each.state.value for each in taskq.apps[0].jobs()] == ["queued", "queued"]
    await taskq_app.clear()


async def test_a_result_that_the_docket_does_not_keep_says_so(taskq, taskq_app):
    taskq_app.execution_ttl = timedelta()
    done = await taskq.perform(job(charge, cart_id=7))
    assert "not observable here: execution_ttl" in done.result.reason
    await taskq_app.clear()


async def test_a_function_that_nobody_has_registered_is_registered_as_add_does_it(taskq, taskq_app):
    async def proof(): ...

    assert (await taskq.perform(proof)).state == "succeeded"
    assert taskq_app.tasks["proof"] is proof


async def test_a_job_is_automatic_that_the_worker_has_scheduled(taskq, taskq_app):
    async def look(perpetual: Perpetual = Perpetual(automatic=True)): ...

    taskq_app.register(look)
    async with Worker(taskq_app, minimum_check_interval=SOON, scheduling_resolution=SOON) as worker:
        await worker.run_at_most({"look": 1})
    assert {seen.automatic for seen in taskq.jobs(look)} == {True}
    taskq.assert_not_enqueued()
    own = await taskq.enqueue(job(look))
    assert not own.job.automatic
    await taskq_app.clear()
