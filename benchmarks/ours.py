"""Our engine on each of the stores, in the shape of the peers."""

import asyncio
from contextlib import AsyncExitStack

from jobs import arguments, in_hundreds

from pytest_taskq.core.job import State
from pytest_taskq.core.store import JobQuery
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.tasks import Task, Tasks
from pytest_taskq.engine.worker import Worker

UNFINISHED = JobQuery(states=frozenset({State.QUEUED, State.RUNNING}), limit=1)


def make_store(url):
    """A store under a new namespace, and what is to be closed after it."""
    if url == "memory":
        from pytest_taskq.stores.memory import MemoryStore

        return MemoryStore(), None
    if url.startswith("postgresql:"):
        from pytest_taskq.stores.postgres import PostgresConnections, PostgresStore

        connections = PostgresConnections(url)
        return PostgresStore(connections, "bench"), connections
    if url.startswith(("redis:", "unix:", "fakeredis")):
        from pytest_taskq.stores.fakeredis import FakeConnections
        from pytest_taskq.stores.redis import RedisConnections, RedisStore

        connections = FakeConnections() if url == "fakeredis" else RedisConnections(url)
        return RedisStore(connections, "bench"), connections
    from pytest_taskq.stores.sqlite import SqliteStore

    return SqliteStore(url), None


class Ours:
    """One handle enqueues, another one on the same jobs works, as in two processes."""

    def __init__(self, url, slots, jobs):
        self.url = url
        self.slots = slots
        self.jobs = jobs
        self.changed = None

    async def open(self):
        store, self.connections = make_store(self.url)
        self.queue = Queue(store, Clock("real"))
        self.watching = AsyncExitStack()
        self.tasks = Tasks()
        self.tasks.add(Task.of(self.jobs.noop, name="noop"))

    async def close(self):
        await self.watching.aclose()
        await self.queue.aclose()
        if self.connections is not None:
            await self.connections.aclose()

    async def enqueue(self, amount):
        queue = self.queue
        for each in arguments(amount):
            await queue.enqueue(queue.new_job("noop", (), each))

    async def enqueue_in_bulk(self, amount):
        queue = self.queue
        for batch in in_hundreds(arguments(amount)):
            await queue.enqueue_each([queue.new_job("noop", (), each) for each in batch])

    async def work(self):
        store, connections = make_store(self.url)
        queue = Queue(store, Clock("real"))
        try:
            await Worker(queue, self.tasks, concurrency=self.slots).run_forever()
        finally:
            await queue.aclose()
            if connections is not None:
                await connections.aclose()

    async def is_done(self):
        return not await self.queue.find(UNFINISHED)

    async def round_trip(self):
        queue = self.queue
        if self.changed is None:
            self.changed = asyncio.Event()
            await self.watching.enter_async_context(queue.store.watch(self.changed.set))
        job = await queue.enqueue(queue.new_job("noop", (), {"number": 0, "text": "x"}))
        state = None
        while state is not State.SUCCEEDED:  # whose end comes after the enqueue, and is told of
            await self.changed.wait()
            self.changed.clear()
            state = (await queue.get(job.id)).state
