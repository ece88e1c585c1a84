"""One attempt: whatever a task does, its job is not lost."""

import asyncio
import signal
import sys
import threading

import pytest

from pytest_taskq.core.job import State
from pytest_taskq.core.outcome import Cancelled, Snoozed
from pytest_taskq.core.payload import decode_value
from support.bench import SECOND, Bench

pytestmark = pytest.mark.asyncio


@pytest.fixture
def bench():
    return Bench()


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("not even this")


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(3),
        KeyboardInterrupt(),
        asyncio.CancelledError(),
        GeneratorExit(),
        StopIteration(),
        Unprintable(),
        BaseExceptionGroup("both", [SystemExit(), ValueError()]),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("kind", ["async", "thread", "inline"])
async def test_whatever_a_task_raises_ends_the_job_and_nothing_else(bench, error, kind):
    bench.note()

    def fails():
        raise error

    async def fails_async():
        raise error

    if kind == "async":
        bench.task(fails_async, name="fails")
    else:
        bench.task(fails, name="fails", in_thread=kind == "thread")
    job = await bench.add("fails")
    await bench.add("note", "the next one")
    await bench.worker.run_until_idle()
    assert await bench.state(job) is State.DEAD
    assert bench.seen == ["the next one"]
    assert (await bench.queue.get(job.id)).failure.traceback


async def test_an_interruption_stops_the_run_and_puts_the_job_back(bench):
    async def interrupted():
        signal.raise_signal(signal.SIGINT)
        bench.seen.append("not reached")

    bench.task(interrupted)
    job = await bench.add("interrupted")
    # Outside of a runner of asyncio, SIGINT raises wherever Python is.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            await bench.worker.run_until_idle()
    finally:
        signal.signal(signal.SIGINT, before)
    back = await bench.queue.get(job.id)
    assert (back.state, back.attempt, bench.seen) == (State.QUEUED, 0, [])


async def test_a_cancelled_run_puts_the_job_back(bench):
    """This is how a runner of asyncio passes on the first SIGINT."""

    async def interrupted():
        run.cancel()
        await asyncio.Event().wait()

    bench.task(interrupted)
    job = await bench.add("interrupted")
    run = asyncio.create_task(bench.worker.run_until_idle())
    with pytest.raises(asyncio.CancelledError):
        await run
    back = await bench.queue.get(job.id)
    assert (back.state, back.attempt) == (State.QUEUED, 0)


async def test_a_sync_task_runs_in_a_thread_and_an_inline_one_does_not(bench):
    def where():
        bench.seen.append(threading.current_thread() is threading.main_thread())

    bench.task(where, name="threaded")
    bench.task(where, name="inline", in_thread=False)
    await bench.add("threaded")
    await bench.worker.run_until_idle()
    await bench.add("inline")
    await bench.worker.run_until_idle()
    assert bench.seen == [False, True]


async def test_a_task_that_takes_too_long_fails_with_its_limit(bench):
    async def slow():
        await asyncio.Event().wait()

    bench.task(slow, timeout=90)
    job = await bench.add("slow")
    run = asyncio.create_task(bench.worker.run_until_idle())
    await bench.clock.elapse(89)
    assert not run.done()
    await bench.clock.elapse(1)
    await run
    failure = (await bench.queue.get(job.id)).failure
    assert (failure.type_name, failure.message) == (
        "TimeLimitExceeded",
        "slow took longer than 90 s",
    )


async def test_an_unknown_task_keeps_the_job_and_offers_the_nearest_names(bench):
    bench.note()
    job = await bench.add("nite", 1)
    await bench.worker.run_until_idle()
    dead = await bench.queue.get(job.id)
    assert (dead.state, dead.payload) == (State.DEAD, job.payload)
    assert "The nearest is 'note'." in dead.failure.message


async def test_a_payload_that_cannot_be_read_keeps_the_job(bench):
    bench.note()
    job = await bench.queue.enqueue(bench.queue.new_job("note", payload="{nonsense"))
    await bench.worker.run_until_idle()
    dead = await bench.queue.get(job.id)
    assert (dead.state, dead.payload) == (State.DEAD, "{nonsense")


async def test_a_task_may_report_its_outcome_itself(bench):
    async def snoozes():
        if not bench.seen:
            bench.seen.append("snoozed")
            return Snoozed(until=bench.clock.now() + SECOND)
        return Cancelled("no need any more")

    bench.task(snoozes)
    job = await bench.add("snoozes")
    await bench.worker.run_until_idle()
    assert (await bench.queue.get(job.id)).attempt == 0
    bench.clock.advance(1)
    await bench.worker.run_until_idle()
    assert await bench.state(job) is State.CANCELLED


async def test_a_result_that_cannot_be_stored_is_no_failure(bench):
    async def returns():
        return sys.modules

    bench.task(returns)
    job = await bench.add("returns")
    await bench.worker.run_until_idle()
    assert await bench.state(job) is State.SUCCEEDED


async def test_a_task_may_clean_up_after_its_time_and_return(bench):
    async def slow():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "late, but done"

    bench.task(slow, timeout=1)
    job = await bench.add("slow")
    run = asyncio.create_task(bench.worker.run_until_idle())
    await bench.clock.elapse(1)
    await run
    assert decode_value((await bench.queue.get(job.id)).result) == "late, but done"


async def test_a_cancellation_within_the_time_limit_stays_one(bench):
    started = asyncio.Event()

    async def slow():
        started.set()
        await asyncio.Event().wait()

    bench.task(slow, timeout=60)
    job = await bench.add("slow")
    run = asyncio.create_task(bench.worker.run_until_idle())
    await started.wait()
    await bench.queue.cancel(job.id)
    await run
    assert await bench.state(job) is State.CANCELLED
