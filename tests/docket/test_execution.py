"""Execution: what it knows, learns by sync, and waits for."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock

import pytest

from pytest_taskq.docket import Disposition, ExecutionCancelled, ExecutionState, Retry

pytestmark = pytest.mark.asyncio


async def double(number):
    return 2 * number


async def test_a_result_is_what_the_task_returned(docket, worker):
    execution = await docket.add(double)(21)
    await worker.run_until_finished()
    assert await execution.get_result() == 42


async def test_a_task_that_returns_none_has_that_for_a_result(docket, worker):
    async def nothing():
        return None

    execution = await docket.add(nothing)()
    await worker.run_until_finished()
    assert await execution.get_result() is None


async def test_a_result_is_waited_for(docket, worker):
    execution = await docket.add(double)(21)
    waiting = asyncio.create_task(execution.get_result())
    await asyncio.sleep(0)
    assert not waiting.done()
    await worker.run_until_finished()
    assert await waiting == 42
    assert execution.state is ExecutionState.COMPLETED


async def test_the_exception_of_the_task_is_raised_for_its_result(docket, worker):
    error = LookupError("no such cup")

    async def fail():
        raise error

    execution = await docket.add(fail)()
    await worker.run_until_finished()
    with pytest.raises(LookupError) as raised:
        await execution.get_result()
    assert raised.value is error
    assert execution.error == "LookupError: no such cup"


async def test_a_cancelled_task_has_no_result(docket):
    execution = await docket.add(double)(1)
    await docket.cancel(execution.key)
    with pytest.raises(ExecutionCancelled, match="It was cancelled"):
        await execution.get_result()


@pytest.mark.taskq_strict(False)
async def test_a_result_that_cannot_be_pickled_fails_the_task(docket, worker):
    async def give_lock():
        return Lock()

    execution = await docket.add(give_lock)()
    await worker.run_until_finished()
    with pytest.raises(TypeError, match="pickle"):
        await execution.get_result()
    assert execution.state is ExecutionState.FAILED


async def test_a_result_of_any_kind_comes_back(docket, worker):
    @dataclass
    class Pot:
        cups: int

    async def brew():
        return Pot(3)

    execution = await docket.add(brew)()
    await worker.run_until_finished()
    assert (await execution.get_result()).cups == 3


async def test_waiting_ends_at_a_limit_and_says_what_is_missing(docket):
    execution = await docket.add(double, key="k")(1)
    with pytest.raises(TimeoutError, match=r"execution k.* did not end.* queued.* Run a worker"):
        await execution.get_result(timeout=timedelta(0))
    with pytest.raises(TimeoutError):
        await execution.get_result(deadline=docket.queue.clock.time() - timedelta(hours=1))


async def test_two_limits_are_one_too_many(docket):
    execution = await docket.add(double)(1)
    with pytest.raises(ValueError, match="both timeout and deadline"):
        await execution.get_result(
            timeout=timedelta(1), deadline=docket.queue.clock.time() + timedelta(1)
        )


async def test_sync_learns_what_happened(docket, worker, taskq_clock):
    start = taskq_clock.time()
    execution = await docket.add(double, when=start + timedelta(hours=1))(1)
    await execution.sync()
    assert execution.state is ExecutionState.SCHEDULED
    assert (execution.started_at, execution.completed_at) == (None, None)
    at = taskq_clock.advance(hours=2)
    await execution.sync()
    assert execution.state is ExecutionState.QUEUED
    await worker.run_until_finished()
    await execution.sync()
    assert execution.state is ExecutionState.COMPLETED
    assert (execution.started_at, execution.completed_at) == (at, at)


async def test_one_that_waits_for_its_retry_is_scheduled_again(docket, worker, taskq_clock):
    async def fail(retry: Retry = Retry(attempts=2, delay=timedelta(hours=1))):
        raise ValueError

    execution = await docket.add(fail, key="k")()
    await worker.run_until_finished()
    await execution.sync()
    assert execution.state is ExecutionState.SCHEDULED
    assert execution.when == taskq_clock.time() + timedelta(hours=1)
    assert (execution.worker, execution.started_at, execution.error) == (None, None, None)


async def test_a_looked_up_execution_is_made_from_what_is_stored(docket):
    await docket.add(double, key="k")(21)
    execution = await docket.get_execution("k")
    assert (execution.function, execution.args, execution.kwargs) == (double, (21,), {})
    assert execution.disposition is Disposition.LOADED
    assert repr(execution) == "<Execution double(...){k} queued>"
