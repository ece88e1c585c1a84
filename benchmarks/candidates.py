"""The engine and the three facades, each driven as an application drives it."""

from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.tasks import Task, Tasks
from pytest_taskq.engine.worker import Worker
from pytest_taskq.stores.memory import MemoryStore

SLOTS = 10


class Engine:
    def __init__(self, function):
        self.queue = Queue(MemoryStore(), Clock("auto"))
        self.tasks = Tasks()
        self.tasks.add(Task.of(function, name="noop"))
        self.worker = Worker(self.queue, self.tasks, concurrency=SLOTS)

    async def enqueue(self, amount):
        queue = self.queue
        for number in range(amount):
            await queue.enqueue(queue.new_job("noop", (), {"number": number, "text": "x"}))

    async def drain(self):
        await self.worker.run_until_finished()


class Docket:
    def __init__(self, function):
        from pytest_taskq import docket

        self.function = function
        self.docket = docket.Docket.on_queue(Queue(MemoryStore(), Clock("auto")))
        self.worker = docket.Worker(self.docket, concurrency=SLOTS)

    async def enqueue(self, amount):
        for number in range(amount):
            await self.docket.add(self.function)(number=number, text="x")

    async def drain(self):
        await self.worker.run_until_finished()


class Procrastinate:
    def __init__(self, function):
        from pytest_taskq import procrastinate

        queue = Queue(MemoryStore(), Clock("auto"))
        connector = procrastinate.InMemoryConnector.on_queue(queue)
        self.app = procrastinate.App(connector=connector)
        self.task = self.app.task(name="noop")(function)

    async def enqueue(self, amount):
        for number in range(amount):
            await self.task.defer_async(number=number, text="x")

    async def drain(self):
        await self.app.run_worker_async(wait=False, concurrency=SLOTS)


class Soniq:
    def __init__(self, function):
        from pytest_taskq import soniq

        queue = Queue(MemoryStore(), Clock("auto"))
        self.app = soniq.Soniq(backend=soniq.MemoryBackend.on_queue(queue))
        self.job = self.app.job(name="bench.noop")(function)

    async def enqueue(self, amount):
        for number in range(amount):
            await self.app.enqueue(self.job, number=number, text="x")

    async def drain(self):
        await self.app.run_worker(run_once=True, concurrency=SLOTS)


class SoniqOneByOne(Soniq):
    """As the library's `run_once` does it, and as the limit does: one job after the other."""

    async def drain(self):
        await self.app.run_worker(run_once=True)


CANDIDATES = {
    "engine": Engine,
    "docket": Docket,
    "procrastinate": Procrastinate,
    "soniq": Soniq,
    "soniq, serial": SoniqOneByOne,
}
