"""Runs over a store that has to wait: whatever comes in between, no job is lost."""

import asyncio

import pytest

from pytest_taskq.core.job import State
from pytest_taskq.engine.worker import Worker
from support.bench import Bench
from support.waiting import WaitingStore

pytestmark = pytest.mark.asyncio


@pytest.fixture
def bench():
    return Bench(store=WaitingStore())


@pytest.mark.parametrize("steps", range(16))
async def test_a_run_that_is_cancelled_at_any_step_leaves_no_job_in_hand(bench, steps):
    bench.note()
    for number in range(3):
        await bench.add("note", number)
    run = asyncio.create_task(bench.worker.run_forever())
    for _ in range(steps):
        await asyncio.sleep(0)
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    assert run.cancelled()
    states = {job.state for job in await bench.queue.find()}
    assert states <= {State.QUEUED, State.SUCCEEDED}
    await bench.worker.run_until_idle()
    assert sorted(bench.seen) == [0, 1, 2]


@pytest.mark.parametrize("steps", range(0, 30, 3))
async def test_a_run_that_drains_at_any_step_leaves_no_job_in_hand(bench, steps):
    bench.note()
    for number in range(3):
        await bench.add("note", number)
    worker = Worker(bench.queue, bench.tasks, drains=True)
    run = asyncio.create_task(worker.run_forever())
    for _ in range(steps):
        await asyncio.sleep(0)
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    states = {job.state for job in await bench.queue.find()}
    assert states <= {State.QUEUED, State.SUCCEEDED}


async def test_two_workers_share_the_work_and_do_none_of_it_twice(bench):
    bench.note()
    for number in range(20):
        await bench.add("note", number)
    other = Worker(bench.queue, bench.tasks, name="other", concurrency=2)
    await asyncio.gather(bench.worker.run_until_idle(), other.run_until_idle())
    assert sorted(bench.seen) == list(range(20))


async def test_jobs_of_the_future_run_at_their_instants():
    bench = Bench("auto", store=WaitingStore())
    bench.note()
    for hours in (3, 1, 2):
        await bench.add("note", hours, after=hours * 3600)
    await bench.worker.run_until_finished()
    assert bench.seen == [1, 2, 3]


@pytest.mark.parametrize("steps", range(6))
async def test_a_call_that_is_cancelled_has_landed_and_is_in_the_history_or_neither(bench, steps):
    bench.note()
    for call, states in ((bench.add("note", 1), 1), (bench.queue.cancel(1), 2)):
        task = asyncio.create_task(call)
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        told = {event.job.id: event.job for event in bench.queue.history}
        assert list(told.values()) == await bench.queue.find()
        assert len(bench.queue.history) <= states


@pytest.mark.parametrize("steps", range(1, 25, 2))
async def test_a_run_that_is_stopped_by_force_at_any_step_records_what_it_stopped(bench, steps):
    async def endless():
        await asyncio.Event().wait()

    bench.task(endless)
    job = await bench.add("endless")
    run = asyncio.create_task(bench.worker.run_forever())
    for _ in range(steps):
        await asyncio.sleep(0)
    bench.worker.stop()
    bench.clock.advance(bench.queue.lease // 2 / 1_000_000)
    for _ in range(steps):
        await asyncio.sleep(0)
    bench.worker.stop(force=True)
    await run
    assert await bench.state(job) is State.QUEUED
