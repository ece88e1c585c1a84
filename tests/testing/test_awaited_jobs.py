"""Waiting for jobs, and the end of waiting when nothing can bring them."""

import asyncio
import re
from contextlib import nullcontext
from unittest.mock import Mock

import pytest

from pytest_taskq import job, wait_until
from pytest_taskq.core.errors import BadOption
from pytest_taskq.procrastinate import App
from pytest_taskq.soniq import TaskRef
from pytest_taskq.testing.awaited_jobs import AwaitedJobs
from pytest_taskq.testing.matching import JobPattern

pytestmark = pytest.mark.asyncio


async def receipt(cart_id: int):
    return cart_id


async def waits(taskq):
    with pytest.raises(AssertionError) as caught:
        await wait_until(job(receipt, 7), timeout=60)
    return str(caught.value).splitlines()[0]


async def test_it_gives_the_job_that_has_come(docket, taskq):
    async with taskq.running():
        await docket.add(receipt)(6)
        await docket.add(receipt)(7)
        found = await wait_until(job(receipt, 7))
    assert (found.result, found.state) == (7, "succeeded")


async def test_another_state_can_be_waited_for(docket, taskq):
    over = asyncio.Event()

    async def slow():
        await over.wait()

    async with taskq.running():
        await docket.add(slow)()
        assert await wait_until(job(slow), state="running") == job(slow)
        over.set()


@pytest.mark.parametrize("state", [{}, {"state": "succeeded"}])
async def test_a_bare_task_means_its_jobs_and_is_not_called(docket, taskq, state):
    called = []

    async def ring():
        called.append(1)

    async with taskq.running():
        await docket.add(ring)()
        assert await wait_until(ring, **state) == job(ring)
    assert called == [1]


async def test_a_task_of_procrastinate_means_its_jobs(in_memory_app, taskq):
    @in_memory_app.task(name="ring")
    async def ring(times): ...

    async with taskq.running():
        await ring.defer_async(times=3)
        for task in (ring, ring.func, "ring"):
            assert await wait_until(task) == job(ring, times=3)


async def test_a_job_of_soniq_means_its_jobs(soniq_app, taskq):
    @soniq_app.job()
    async def ring(): ...

    async with taskq.running():
        await ring.enqueue()
        for task in (ring, ring.__wrapped__, TaskRef(ring._soniq_name)):
            assert await wait_until(task) == job(ring)


async def test_a_task_of_another_app_is_not_called(taskq, docket, in_memory_connector):
    task = App(connector=in_memory_connector).task(name="ring")(pytest.fail)
    await docket.add(receipt)(7)
    with pytest.raises(AssertionError, match=r"^job\(ring\) succeeded did not come"):
        await wait_until(task)


async def test_a_function_that_has_the_name_of_a_task_is_asked(docket, taskq):
    await docket.add(receipt)(7)

    def asked():
        return "asked"

    asked.__name__ = "receipt"
    assert await wait_until(asked) == "asked"


async def test_a_mock_is_asked(docket):
    assert await wait_until(Mock(return_value="asked")) == "asked"


async def test_with_a_state_anything_means_a_task(docket, taskq):
    with pytest.raises(BadOption, match=r"in one of these states.*It was asked for 'nonsense'"):
        await wait_until(lambda: True, state="nonsense")
    with pytest.raises(AssertionError, match=r"job.*lambda.* queued did not come"):
        await wait_until(lambda: True, state="queued")


async def test_it_ends_at_once_when_there_is_no_such_job(docket, taskq):
    docket.register(receipt)
    async with taskq.running():
        assert await waits(taskq) == (
            "job(receipt, 7) succeeded did not come (nothing can move any more: nothing is in "
            "hand, and no job is queued; the last time it returned None)"
        )


async def test_it_ends_at_once_when_no_worker_runs(docket, taskq):
    await docket.add(receipt)(7)
    assert "1 job is due, but no worker takes them" in await waits(taskq)


async def test_it_ends_at_once_when_the_clock_is_held(docket, taskq, taskq_clock):
    docket.register(receipt)
    taskq_clock.advance(1)
    await taskq.enqueue(job(receipt, 7), at="1h")
    async with taskq.running():
        assert "1 job due later, on a clock that is held" in await waits(taskq)


async def test_a_job_that_waits_for_a_lock_is_told_so(in_memory_app, taskq, taskq_clock):
    ring = in_memory_app.task(name="ring", lock="o")(lambda: None)
    await ring.configure(schedule_in={"days": 3}).defer_async()
    await ring.defer_async()
    async with taskq.running():
        with pytest.raises(AssertionError, match="1 job is due, but waits for lock 'o' behind #1;"):
            await wait_until(ring, timeout=60)


async def test_on_an_auto_clock_time_passes_to_the_job(docket, taskq):
    docket.register(receipt)
    await taskq.enqueue(job(receipt, 7), at="1h")
    async with taskq.running():
        await wait_until(job(receipt, 7))


async def test_a_task_that_will_enqueue_it_is_waited_for(docket, taskq):
    docket.register(receipt)

    async def later():
        await asyncio.sleep(30)
        await docket.add(receipt)(7)

    enqueuing = asyncio.create_task(later())
    async with taskq.running():
        await wait_until(job(receipt, 7))
    await enqueuing


async def test_arguments_that_the_task_cannot_take_are_refused_at_once(docket, taskq):
    docket.register(receipt)
    with pytest.raises(BadOption, match="The nearest is 'cart_id'"):
        await wait_until(job(receipt, cart=7))
    with pytest.raises(BadOption, match="too many positional"):
        await wait_until(job("receipt", 7, 8))


async def test_a_task_that_is_named_wrongly_is_told_with_the_nearest(docket, taskq):
    await docket.add(receipt)(7)
    with pytest.raises(AssertionError, match=r"There is no task 'reciept'. .*'receipt'"):
        await wait_until(job("reciept"))


async def test_a_task_may_be_known_only_when_its_job_comes(docket, taskq):
    async def enqueue():
        await asyncio.sleep(30)
        await docket.add(receipt)(7)

    enqueuing = asyncio.create_task(enqueue())
    await wait_until(job("receipt", cart_id=7), state="queued")
    await enqueuing


@pytest.mark.parametrize("held", [False, True])
async def test_the_nearest_of_the_jobs_is_shown(docket, taskq, held):
    await docket.add(receipt)(8)
    held = taskq.clock.hold("a test") if held else nullcontext()
    with held, pytest.raises(AssertionError) as caught:
        await wait_until(job(receipt, 7), timeout=0.1)
    assert re.search(
        r"the only one enqueued: #1 receipt\(8\)\n"
        r" +cart_id +expected 7 +got 8 +<-\n",
        str(caught.value),
    )


async def test_of_a_job_that_matches_its_state_is_told(docket, taskq):
    await docket.add(receipt)(7)
    with pytest.raises(AssertionError, match=r"state +expected 'succeeded' +got 'queued' +<-"):
        await wait_until(job(receipt, 7))


async def test_without_a_queue_it_says_what_to_ask_for():
    with pytest.raises(BadOption, match="knows no queue to find job"):
        await wait_until(job(receipt))


async def test_who_waits_for_a_dead_job_has_looked_at_its_exception(docket, taskq):
    async def fails():
        raise LookupError

    async with taskq.running():
        await docket.add(fails)()
        await wait_until(job(fails), state="dead")


async def test_each_job_is_compared_once_however_often_it_is_asked_for(docket, taskq, monkeypatch):
    compared = []
    compare = JobPattern.is_of
    monkeypatch.setattr(
        JobPattern, "is_of", lambda *given: compared.append(given) or compare(*given)
    )
    for cart_id in range(5):
        await docket.add(receipt)(cart_id)
    waiting = AwaitedJobs(job(receipt, 7), "queued")
    assert [waiting() for _ in range(10)] == [None] * 10
    assert len(compared) == 5
    await docket.add(receipt)(7)
    assert [waiting() for _ in range(10)] == [job(receipt, 7)] * 10
    assert len(compared) == 6 + 10  # the comparison with == compares too


async def test_what_becomes_of_a_job_that_matched_is_seen(docket, taskq):
    await docket.add(receipt)(7)
    waiting = AwaitedJobs(job(receipt, 7), "succeeded")
    assert waiting() is None
    await taskq.drain()
    assert waiting().result == 7


async def test_a_job_that_was_deleted_meanwhile_is_waited_for_in_vain(docket, taskq):
    await docket.add(receipt)(7)
    waiting = AwaitedJobs(job(receipt, 7), "queued")
    assert waiting() == job(receipt, 7)
    await docket.queue.clear()
    assert waiting() is None
