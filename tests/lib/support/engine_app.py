"""An app over the bare engine: what tests of the harness put in front of it."""

import asyncio

from pytest_taskq.core.errors import UnknownTask
from pytest_taskq.core.instants import to_micros
from pytest_taskq.core.payload import decode_call
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.tasks import Task, Tasks
from pytest_taskq.engine.under_test import UNBOUNDED, Call, TaskInfo, Told
from pytest_taskq.engine.worker import Worker
from pytest_taskq.stores.memory import MemoryStore

SECOND = 1_000_000


class EngineApp:
    """An ``AppUnderTest`` whose words are the engine's own.

        app = EngineApp(environment.new_queue())

        @app.task
        async def charge(cart): ...

        await app.add("charge", 7)
        await app.run()

    ``settings`` are those of its workers, such as ``concurrency``.
    """

    library = "engine"

    def __init__(self, queue=None, *, mode="held", start=None, **settings):
        self.queue = Queue(MemoryStore(), Clock(mode, start), seed=0) if queue is None else queue
        self.clock = self.queue.clock
        self.history = self.queue.history
        self.registered = Tasks()
        self.settings = {"name": "worker", "concurrency": 1} | settings
        self._infos = {}

    def task(self, function=None, *, schedule=None, automatic=False, **options):
        """Register a function; the options are those of ``Task.of``. Also a decorator."""
        if function is None:
            return lambda function: self.task(
                function, schedule=schedule, automatic=automatic, **options
            )
        task = self.registered.add(Task.of(function, **options))
        self._infos[task.name] = TaskInfo(
            task.name,
            function,
            delay=lambda attempt, error: task.retry.delay(attempt, error, self.queue.rng),
            schedule=schedule,
            automatic=automatic,
        )
        return function

    async def add(self, name, *args, after=0, options=None, **kwargs):
        """Enqueue a call, due so many seconds from now; ``options`` are fields of the job."""
        due_at = self.clock.now() + to_micros(after)
        job = self.queue.new_job(name, args, kwargs, due_at=due_at, **(options or {}))
        return await self.queue.enqueue(job)

    def tasks(self):
        return self._infos

    def name_of(self, task):
        found = (name for name, info in self._infos.items() if info.function is task)
        return next(found, getattr(task, "__name__", None))

    def register(self, task):
        return None

    def tell(self, job):
        args, kwargs = decode_call(job.payload)
        return Told(args, kwargs, job.priority, job.key)

    def jobs(self):
        return self.queue.sync(self.queue.find())

    async def enqueue(self, call: Call):
        if call.task not in self.registered:
            raise UnknownTask(call.task, self.registered)
        job = self.queue.new_job(call.task, call.args, call.kwargs, due_at=call.at)
        return await self.queue.enqueue(job._replace(attempt=call.attempt - 1))

    async def run(self, bounds=UNBOUNDED):
        worker = Worker(
            self.queue, self.registered, only=bounds.only, ends=bounds.ends, **self.settings
        )
        return (await worker.run_until_idle(attempts=bounds.attempts, until=bounds.until)).attempts

    async def forget(self, job):
        await self.queue.forget(job.id)

    async def run_forever(self, *, workers=1):
        name = self.settings["name"]
        names = [name] if workers == 1 else [f"{name}-{n}" for n in range(1, workers + 1)]
        made = [Worker(self.queue, self.registered, **self.settings | {"name": n}) for n in names]
        async with asyncio.TaskGroup() as group:
            for worker in made:
                group.create_task(worker.run_forever())
