"""The attempts in hand: whatever happens to them, no job stays behind."""

import asyncio
import threading
from datetime import timedelta

import pytest

from pytest_taskq.core.errors import NotFinished
from pytest_taskq.core.job import Hold, State
from pytest_taskq.core.outcome import Succeeded
from pytest_taskq.core.retry import fixed
from pytest_taskq.engine import run as run_module
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.leases import Ended
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.sync import drive
from pytest_taskq.engine.tasks import Task, Tasks
from pytest_taskq.engine.worker import Worker
from pytest_taskq.stores.memory import MemoryStore
from support.bench import SECOND, Bench

pytestmark = pytest.mark.asyncio

LIVE = frozenset({State.QUEUED, State.RUNNING})
RUNNING = frozenset({State.RUNNING})


@pytest.fixture
def bench():
    return Bench()


async def test_a_job_cancelled_before_its_first_step_ends_cancelled(bench):
    async def first():
        await bench.queue.cancel(second.id)

    bench.task(first)
    bench.note()
    await bench.add("first")
    second = await bench.add("note", 1)
    await bench.worker.run_until_idle()
    assert await bench.state(second) is State.CANCELLED
    assert bench.seen == []


async def test_a_forced_stop_right_after_a_claim_gives_the_job_back(bench):
    bench.note()
    job = await bench.add("note", 1)
    run = asyncio.create_task(bench.worker.run_forever())
    await asyncio.sleep(0)
    assert bench.worker.running
    bench.worker.stop(force=True)
    await run
    assert await bench.state(job) is State.QUEUED


async def test_a_chain_that_is_stopped_strands_nothing_of_its_batch():
    bench = Bench(concurrency=3)

    async def again():
        await bench.add("again")

    bench.task(again)
    for _ in range(3):
        await bench.add("again")
    with pytest.raises(NotFinished):
        await bench.worker.run_until_finished()
    assert RUNNING.isdisjoint({job.state for job in await bench.queue.find()})


async def test_a_task_that_cancels_itself_has_failed(bench):
    async def gives_up():
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    bench.task(gives_up)
    job = await bench.add("gives_up")
    report = await bench.worker.run_until_idle()
    assert (await bench.state(job), report.attempts) == (State.DEAD, 1)


async def test_a_task_that_cancels_itself_may_be_tried_again(bench):
    async def gives_up():
        bench.seen.append(1)
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    bench.task(gives_up, retry=fixed(attempts=3, delay=timedelta()))
    job = await bench.add("gives_up")
    await bench.worker.run_until_idle()
    assert (await bench.state(job), len(bench.seen)) == (State.DEAD, 3)


async def test_cancelling_a_run_twice_leaves_no_job_in_hand(bench):
    started = asyncio.Event()

    async def slow():
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.Event().wait()

    bench.task(slow)
    job = await bench.add("slow")
    run = asyncio.create_task(bench.worker.run_until_idle())
    await started.wait()
    for _ in range(2):
        run.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await asyncio.gather(run, return_exceptions=True)
    assert await bench.state(job) is State.QUEUED


async def test_a_task_that_does_not_stop_is_given_up_and_named(bench, monkeypatch):
    monkeypatch.setattr(run_module, "STOP_SECONDS", 0.01)
    started, let_go = asyncio.Event(), asyncio.Event()

    async def stubborn():
        started.set()
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue

    bench.task(stubborn)
    job = await bench.add("stubborn")
    run = asyncio.create_task(bench.worker.run_forever())
    await started.wait()
    with pytest.warns(UserWarning, match=r"Job 1 \(stubborn\) does not stop"):
        await bench.queue.end_runs()
    await run
    assert await bench.state(job) is State.QUEUED
    let_go.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await bench.state(job) is State.QUEUED


async def test_a_job_in_hand_is_nobody_elses_however_far_the_clock_moved(bench):
    started, go = asyncio.Event(), asyncio.Event()

    async def slow():
        bench.seen.append("run")
        started.set()
        await go.wait()

    bench.task(slow)
    await bench.add("slow")
    run = asyncio.create_task(bench.worker.run_until_idle())
    await started.wait()
    bench.clock.advance(minutes=10)
    await Worker(bench.queue, bench.tasks, name="other").run_until_idle()
    go.set()
    await run
    assert bench.seen == ["run"]


@pytest.mark.parametrize("mode", ["auto", "held"])
async def test_runs_on_two_queues_of_one_clock_do_not_hang_each_other(mode):
    here = Bench(mode)
    there = Queue(MemoryStore(), here.clock)
    tasks = Tasks()
    seen = []

    async def brief():
        await asyncio.sleep(0.01)
        seen.append("brief")

    async def later():
        seen.append("later")

    here.task(brief)
    tasks.add(Task.of(later))
    await here.add("brief")
    due_at = here.clock.now() + 3600 * SECOND
    await there.enqueue(there.new_job("later", due_at=due_at))
    both = asyncio.gather(
        here.worker.run_until_finished(), Worker(there, tasks).run_until_finished()
    )
    if mode == "held":
        await here.clock.elapse(1)
    await asyncio.wait_for(both, timeout=7200)
    assert seen == (["brief", "later"] if mode == "auto" else ["brief"])


async def test_a_jump_stops_at_what_another_worker_waits_for():
    here = Bench("auto")
    there, tasks, seen = Queue(MemoryStore(), here.clock), Tasks(), []

    async def when():
        seen.append(here.clock.now())

    here.task(when)
    tasks.add(Task.of(when))
    job = await there.enqueue(there.new_job("when", due_at=here.clock.now() + 3600 * SECOND))
    waiting = asyncio.create_task(Worker(there, tasks).run_forever())
    await asyncio.sleep(0)
    await here.add("when", after=7200)
    await here.worker.run_until_finished()
    assert seen[0] - job.due_at < SECOND
    assert seen[1] - seen[0] > 3590 * SECOND
    await there.end_runs()
    await waiting


async def test_what_follows_survives_a_renewal_and_not_a_lost_lease(bench):
    key = Hold("k", LIVE)
    job = await bench.queue.enqueue(bench.queue.new_job("note", holds=(key,)))
    (claimed,) = await bench.queue.leases.claim("w", 1)
    await bench.queue.leases.renew([claimed])
    follow = bench.queue.new_job("note", holds=(key,))
    await bench.queue.leases.finish([Ended(claimed, Succeeded(), follow=[follow])])
    assert [found.id for found in await bench.queue.find()] == [job.id, job.id + 1]
    late = Ended(claimed, Succeeded(), follow=[follow._replace(holds=())])
    assert await bench.queue.leases.finish([late]) == [None]
    assert len(await bench.queue.find()) == 2


async def test_a_running_job_keeps_a_name_in_order_whoever_comes_before_it_now(bench):
    lock = Hold("lock", RUNNING, ordered=True)
    await bench.queue.enqueue(bench.queue.new_job("note", holds=(lock,)))
    (claimed,) = await bench.queue.leases.claim("w", 1)
    await bench.queue.enqueue(bench.queue.new_job("note", holds=(lock,), priority=9))
    (renewed,) = await bench.queue.leases.renew([claimed])
    assert renewed is not None
    assert (await bench.queue.cancel(claimed.id)).cancel_requested


async def test_jobs_that_wait_for_two_names_do_not_let_each_other_in_for_ever(bench):
    a, b = Hold("a", RUNNING), Hold("b", RUNNING)
    for holds in ((a, b), (a, b), (b, a)):
        await bench.queue.enqueue(bench.queue.new_job("note", holds=holds))
    (first,) = await bench.queue.leases.claim("w", 5)
    assert await bench.queue.leases.claim("w", 5) == []
    await bench.queue.leases.finish([Ended(first, Succeeded())])
    assert len(await bench.queue.leases.claim("w", 5)) == 1


async def test_a_job_of_another_queue_is_no_parent():
    here, there = Bench(), Bench()
    there.note()

    async def elsewhere():
        await there.add("note", 1)

    here.task(elsewhere)
    await here.add("elsewhere")
    await here.worker.run_until_idle()
    (job,) = await there.queue.find()
    assert job.parent is None


async def test_threads_may_enqueue_at_once():
    queue = Queue(MemoryStore(), Clock("held"))

    def enqueue():
        for _ in range(200):
            drive(queue.enqueue(queue.new_job("note")))

    threads = [threading.Thread(target=enqueue) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    jobs = await queue.find()
    assert [job.id for job in jobs] == list(range(1, 801))


async def test_a_real_clock_that_stands_still_is_not_waited_on(monkeypatch):
    bench = Bench("real")
    bench.note()
    await bench.add("note", 1, after=0.01)
    now = bench.clock.now()
    monkeypatch.setattr(bench.clock, "now", lambda: now)
    with pytest.raises(NotFinished, match="time stands still"):
        await bench.worker.run_until_finished()
