"""Slots, stopping, and what a run reports."""

import asyncio
from datetime import timedelta

import pytest

from pytest_taskq.core.errors import BadOption, QueueClosed
from pytest_taskq.core.job import State
from pytest_taskq.core.outcome import Snoozed
from pytest_taskq.core.retry import fixed
from pytest_taskq.engine.worker import Worker
from support.bench import Bench

pytestmark = pytest.mark.asyncio


@pytest.fixture
def bench():
    return Bench()


async def endless_job(bench, **options):
    started = asyncio.Event()

    async def endless():
        started.set()
        await asyncio.Event().wait()

    bench.task(endless, **options)
    return await bench.add("endless"), started


async def test_no_more_jobs_run_at_once_than_it_has_slots():
    bench = Bench(concurrency=3)
    active, most = set(), []

    async def busy(number):
        active.add(number)
        most.append(len(active))
        await asyncio.sleep(0)
        active.discard(number)

    bench.task(busy)
    for number in range(10):
        await bench.add("busy", number)
    await bench.worker.run_until_idle()
    assert (max(most), len(most)) == (3, 10)


async def test_the_report_has_the_exceptions_themselves(bench):
    error = ValueError("no flour")

    async def fails():
        raise error

    bench.task(fails)
    await bench.add("fails")
    report = await bench.worker.run_until_idle()
    ((job, raised),) = report.failures
    assert (raised, job.task) == (error, "fails")


async def test_cancelling_a_running_job_stops_it(bench):
    job, started = await endless_job(bench, retry=fixed(attempts=None, delay=timedelta()))
    run = asyncio.create_task(bench.worker.run_until_idle())
    await started.wait()
    await bench.queue.cancel(job.id)
    await run
    assert await bench.state(job) is State.CANCELLED


async def test_a_graceful_stop_waits_for_the_job_in_hand_and_starts_no_other():
    bench = Bench(concurrency=1)
    started, go = asyncio.Event(), asyncio.Event()

    async def slow(value):
        started.set()
        await go.wait()
        bench.seen.append(value)

    bench.task(slow)
    await bench.add("slow", 1)
    second = await bench.add("slow", 2)
    run = asyncio.create_task(bench.worker.run_forever())
    await started.wait()
    bench.worker.stop()
    await asyncio.sleep(0)
    assert not run.done()
    go.set()
    await run
    assert bench.seen == [1]
    assert await bench.state(second) is State.QUEUED


@pytest.mark.parametrize("how", ["force", "cancel", "close"])
async def test_a_forced_end_gives_the_job_and_the_attempt_back(bench, how):
    job, started = await endless_job(bench)
    run = asyncio.create_task(bench.worker.run_forever())
    await started.wait()
    if how == "force":
        bench.worker.stop(force=True)
    elif how == "cancel":
        run.cancel()
    else:
        await bench.queue.aclose()
    await asyncio.gather(run, return_exceptions=True)
    back = await bench.store.get(job.id)
    assert (back.state, back.attempt, back.lease) == (State.QUEUED, 0, None)


async def test_a_worker_may_say_what_is_recorded_of_an_attempt_that_it_stops(bench):
    job, started = await endless_job(bench)
    worker = Worker(bench.queue, bench.tasks, put_back=lambda _job: Snoozed(7, counts=True))
    run = asyncio.create_task(worker.run_forever())
    await started.wait()
    worker.stop(force=True)
    await run
    back = await bench.store.get(job.id)
    assert (back.state, back.attempt, back.due_at) == (State.QUEUED, 1, 7)


async def test_one_attempt_at_a_time(bench):
    bench.note()
    for number in range(3):
        await bench.add("note", number)
    report = await bench.worker.run_until_idle(attempts=1)
    assert (bench.seen, report.attempts) == ([0], 1)


async def test_a_concurrency_of_nothing_is_refused(bench):
    with pytest.raises(BadOption, match="above zero"):
        Worker(bench.queue, bench.tasks, concurrency=0)


async def test_a_closed_queue_says_so(bench):
    await bench.queue.aclose()
    with pytest.raises(QueueClosed, match="make a new one"):
        await bench.add("note", 1)
