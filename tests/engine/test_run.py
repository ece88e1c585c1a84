"""The one loop: what it runs, in which order, and when it ends."""

import asyncio
import gc
from datetime import timedelta

import pytest

from pytest_taskq.core.job import Hold, State
from pytest_taskq.core.outcome import Again
from pytest_taskq.core.retry import exponential
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.tasks import Task, Tasks
from pytest_taskq.engine.worker import Worker
from pytest_taskq.stores.memory import MemoryStore
from support.bench import SECOND, Bench

pytestmark = pytest.mark.asyncio

RUNNING = frozenset({State.RUNNING})


@pytest.fixture
def bench():
    return Bench()


async def test_it_runs_what_is_due_and_leaves_the_rest(bench):
    bench.note()
    await bench.add("note", "now")
    later = await bench.add("note", "later", after=10)
    report = await bench.worker.run_until_idle()
    assert (bench.seen, report.attempts) == (["now"], 1)
    assert await bench.state(later) is State.QUEUED


async def test_it_runs_what_a_job_enqueues_and_knows_who_did(bench):
    bench.note()

    async def parent():
        await bench.add("note", "child")

    bench.task(parent)
    job = await bench.add("parent")
    await bench.worker.run_until_idle()
    assert bench.seen == ["child"]
    assert [child.task for child in bench.queue.history.caused_by(job.id)] == ["note"]


async def test_jobs_start_by_priority_and_then_in_the_order_of_arrival(bench):
    bench.note()
    for value, priority in (("a", 0), ("b", 0), ("urgent", 5), ("c", 0)):
        await bench.add("note", value, priority=priority)
    await bench.worker.run_until_idle()
    assert bench.seen == ["urgent", "a", "b", "c"]


async def test_a_name_with_room_for_two_limits_whatever_the_worker_could(bench):
    active, most = set(), []

    async def busy(number):
        active.add(number)
        most.append(len(active))
        await asyncio.sleep(0)
        active.discard(number)

    bench.task(busy)
    for number in range(6):
        await bench.add("busy", number, holds=(Hold("oven", RUNNING, limit=2),))
    await bench.worker.run_until_idle()
    assert (max(most), len(most)) == (2, 6)


async def test_on_a_held_clock_finished_means_that_nothing_is_due(bench):
    bench.note()
    await bench.add("note", "later", after=3600)
    await bench.worker.run_until_finished()
    assert bench.seen == []
    bench.clock.advance(hours=1)
    await bench.worker.run_until_finished()
    assert bench.seen == ["later"]


async def test_on_an_auto_clock_a_job_of_next_week_runs_now_and_at_its_instant():
    bench = Bench("auto")

    async def when():
        bench.seen.append(bench.clock.now())

    bench.task(when)
    job = await bench.add("when", after=7 * 86_400)
    await bench.worker.run_until_finished()
    assert 0 <= bench.seen[0] - job.due_at < SECOND


async def test_on_a_real_clock_it_waits_for_real():
    bench = Bench("real")
    bench.note()
    job = await bench.add("note", "soon", after=0.03)
    await bench.worker.run_until_finished()
    assert bench.seen == ["soon"]
    assert (await bench.queue.get(job.id)).started_at >= job.due_at


async def test_a_retry_waits_for_its_back_off(bench):
    async def flaky():
        bench.seen.append(bench.clock.now())
        raise OSError("away")

    bench.task(flaky, retry=exponential(attempts=3, base=timedelta(seconds=10)))
    job = await bench.add("flaky")
    start = bench.clock.now()
    for step in (0, 10, 20):
        bench.clock.advance(step)
        await bench.worker.run_until_idle()
    assert [instant - start for instant in bench.seen] == [0, 10 * SECOND, 30 * SECOND]
    dead = await bench.queue.get(job.id)
    assert (dead.state, dead.attempt, dead.failure.message) == (State.DEAD, 3, "away")
    assert dead.payload == job.payload


async def test_a_worker_that_waits_wakes_when_a_job_is_enqueued(bench):
    bench.note()
    run = asyncio.create_task(bench.worker.run_forever())
    await asyncio.sleep(0)
    job = await bench.add("note", 1)
    for _ in range(5):
        await asyncio.sleep(0)
    assert await bench.state(job) is State.SUCCEEDED
    bench.worker.stop()
    await run


async def test_a_worker_that_waits_wakes_when_the_clock_is_moved(bench):
    bench.note()
    await bench.add("note", 1, after=60)
    run = asyncio.create_task(bench.worker.run_forever())
    await asyncio.sleep(0)
    bench.clock.advance(60)
    for _ in range(5):
        await asyncio.sleep(0)
    assert bench.seen == [1]
    bench.worker.stop()
    await run


async def test_a_dead_workers_job_is_run_by_another_once_its_lease_has_lapsed(bench):
    bench.note()
    job = await bench.add("note", 1)
    await bench.queue.leases.claim("dead", 1)
    await bench.worker.run_until_finished()
    assert bench.seen == []
    bench.clock.advance(300)
    await bench.worker.run_until_finished()
    assert bench.seen == [1]
    assert (await bench.queue.get(job.id)).attempt == 2


async def test_on_an_auto_clock_a_dead_workers_job_is_waited_for():
    bench = Bench("auto")
    bench.note()
    await bench.add("note", 1)
    await bench.queue.leases.claim("dead", 1)
    await bench.worker.run_until_finished()
    assert bench.seen == [1]


async def test_a_lapsed_lease_can_be_the_end_of_a_poison_job():
    bench = Bench(expired=lambda job: Again(at=0) if job.attempt < 2 else None)
    bench.note()
    job = await bench.add("note", 1)
    for _ in range(2):
        await bench.queue.leases.claim("dies", 1)
        bench.clock.advance(300)
        await bench.queue.leases.expire(bench.worker.expired)
    assert await bench.state(job) is State.DEAD


@pytest.mark.parametrize("ends", ["run_until_idle", "run_until_finished"])
async def test_a_run_leaves_nothing_to_the_garbage_collector(ends):
    async def run():
        queue, tasks = Queue(MemoryStore(), Clock("auto")), Tasks()
        tasks.add(Task.of(asyncio.sleep, name="sleep"))
        await queue.enqueue(queue.new_job("sleep", (0.001,)))
        await getattr(Worker(queue, tasks), ends)()
        queue.close()

    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        await run()
        gc.collect()
        left = [thing for thing in gc.garbage if type(thing).__module__.startswith("pytest_taskq")]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    assert left == []


async def test_a_live_worker_keeps_its_lease_however_far_the_clock_jumps(bench):
    started, go = asyncio.Event(), asyncio.Event()

    async def slow():
        bench.seen.append("run")
        started.set()
        await go.wait()

    bench.task(slow)
    await bench.add("slow")
    other = Worker(bench.queue, bench.tasks, name="other")
    runs = [asyncio.create_task(worker.run_forever()) for worker in (other, bench.worker)]
    await started.wait()
    bench.clock.advance(days=1)
    for _ in range(10):
        await asyncio.sleep(0)
    go.set()
    for worker in (other, bench.worker):
        worker.stop()
    await asyncio.gather(*runs)
    assert bench.seen == ["run"]
