"""A queue and a worker on each backend, in a namespace of their own."""

from contextlib import asynccontextmanager

import pytest

from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.tasks import Task, Tasks
from pytest_taskq.engine.worker import Worker
from support.stores import ALL


class Bench:
    def __init__(self, store):
        self.queue = Queue(store, Clock("held"), seed=0)
        self.tasks = Tasks()
        self.worker = Worker(self.queue, self.tasks, concurrency=1)
        self.got = []

    async def add(self, task="bake", **options):
        return await self.queue.enqueue(self.queue.new_job(task, **options))

    async def run(self, function, **options):
        self.tasks.add(Task.of(function, name="bake", **options))
        await self.worker.run_until_finished()
        return await self.queue.find()


@pytest.fixture(params=ALL)
def bench(request, backends):
    @asynccontextmanager
    async def opened():
        async with backends.fresh(request.param) as store:
            yield Bench(store)

    return opened
