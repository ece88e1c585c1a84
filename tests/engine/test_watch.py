"""Several queues over one store: a run hears of what it has not done itself."""

import asyncio

import pytest

from pytest_taskq.core.job import State
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.tasks import Task, Tasks
from pytest_taskq.engine.worker import Worker
from pytest_taskq.stores.memory import MemoryStore
from support.waiting import WaitingStore

pytestmark = pytest.mark.asyncio


class Two:
    """The queue of a worker, and another one over the same store, as in another process."""

    def __init__(self, store):
        clock = Clock("held")
        self.store = store
        self.here, self.there = Queue(store, clock), Queue(store, clock)
        self.tasks = Tasks()
        self.started, self.done = asyncio.Event(), asyncio.Event()
        self.worker = Worker(self.here, self.tasks, concurrency=2)
        for function in (self.bake, self.endless):
            self.tasks.add(Task.of(function))

    async def bake(self):
        self.done.set()

    async def endless(self):
        self.started.set()
        await asyncio.Event().wait()

    async def add(self, name):
        return await self.there.enqueue(self.there.new_job(name))


@pytest.fixture(params=[MemoryStore, WaitingStore])
def two(request):
    return Two(request.param())


async def test_a_job_of_another_queue_wakes_a_worker_with_nothing_to_do(two):
    run = asyncio.create_task(two.worker.run_forever())
    for _ in range(20):
        await asyncio.sleep(0)
    await two.add("bake")
    await asyncio.wait_for(two.done.wait(), 5)
    await two.here.end_runs()
    await run


async def test_a_job_of_another_queue_is_taken_by_a_free_slot_of_a_busy_worker(two):
    run = asyncio.create_task(two.worker.run_forever())
    await two.add("endless")
    await asyncio.wait_for(two.started.wait(), 5)
    for _ in range(20):
        await asyncio.sleep(0)
    await two.add("bake")
    await asyncio.wait_for(two.done.wait(), 5)
    await two.here.end_runs()
    await run


async def test_a_job_cancelled_through_another_queue_stops(two):
    job = await two.add("endless")
    run = asyncio.create_task(two.worker.run_until_idle())
    await asyncio.wait_for(two.started.wait(), 5)
    await two.there.cancel(job.id)
    await asyncio.wait_for(run, 5)
    assert (await two.there.get(job.id)).state is State.CANCELLED


async def test_a_run_that_never_has_to_wait_watches_nothing(two, monkeypatch):
    monkeypatch.delattr(MemoryStore, "watch")
    await two.add("bake")
    assert (await two.worker.run_until_finished()).attempts == 1


async def test_a_watch_ends_with_its_run(two):
    run = asyncio.create_task(two.worker.run_forever())
    for _ in range(20):
        await asyncio.sleep(0)
    assert two.store._watchers._tells
    two.worker.stop()
    await run
    assert not two.store._watchers._tells
