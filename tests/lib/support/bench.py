"""A queue, its tasks and a worker on one clock: what a test of the engine stands on."""

from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.tasks import Task, Tasks
from pytest_taskq.engine.worker import Worker
from pytest_taskq.stores.memory import MemoryStore

SECOND = 1_000_000


class Bench:
    """The parts by name, and ``seen``: what the tasks of a test noted."""

    def __init__(self, mode="held", store=None, **settings):
        self.clock = Clock(mode)
        self.store = MemoryStore() if store is None else store
        self.queue = Queue(self.store, self.clock, seed=0)
        self.tasks = Tasks()
        self.worker = Worker(self.queue, self.tasks, **settings)
        self.seen = []

    def task(self, function, **options):
        self.tasks.add(Task.of(function, **options))
        return function

    async def add(self, name, *args, after=0, **options):
        due_at = self.clock.now() + int(after * SECOND)
        return await self.queue.enqueue(self.queue.new_job(name, args, due_at=due_at, **options))

    async def state(self, job):
        return (await self.queue.get(job.id)).state

    def note(self):
        """A task that notes its argument."""

        async def note(value):
            self.seen.append(value)

        self.task(note)
