"""Docket: where tasks are registered, scheduled, replaced, cancelled and looked at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from datetime import datetime, timedelta
from importlib import import_module
from types import TracebackType
from typing import Any, ParamSpec, Self, overload

from pytest_taskq.core.errors import BadOption, NaiveDatetime, QueueClosed, UnknownTask
from pytest_taskq.core.instants import to_instant, to_micros
from pytest_taskq.core.job import Hold, Job, State
from pytest_taskq.core.retention import is_remembered
from pytest_taskq.core.store import JobQuery
from pytest_taskq.docket._board import board_of
from pytest_taskq.docket._concurrency import limits_of
from pytest_taskq.docket._keys import fresh_key, key_labels
from pytest_taskq.docket._landing import land, land_in_chunks
from pytest_taskq.docket._payload import encode
from pytest_taskq.docket._placeholder import placeholder
from pytest_taskq.docket._plan import validate_dependencies
from pytest_taskq.docket._queues import queue_of
from pytest_taskq.docket._snapshot import (
    DocketSnapshot,
    RunningExecution,
    WorkerInfo,
    live_workers,
    take_snapshot,
)
from pytest_taskq.docket._states import LIVE, TaskCall, TaskFunction
from pytest_taskq.docket.execution import Execution
from pytest_taskq.docket.strikelist import (
    LiteralOperator,
    Operator,
    Restore,
    Strike,
    StrikeList,
)
from pytest_taskq.docket.tasks import standard_tasks
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.under_test import AppUnderTest

__all__ = [
    "Docket",
    "DocketClosed",
    "DocketSnapshot",
    "NaiveWhen",
    "RunningExecution",
    "WorkerInfo",
]

P = ParamSpec("P")
QUEUED = frozenset({State.QUEUED})
ALL = frozenset(State)


class NaiveWhen(NaiveDatetime, TypeError):
    """A ``when`` has no time zone: a TypeError, as in docket 0.27."""


class DocketClosed(QueueClosed, AttributeError):
    """A docket was used outside ``async with``: an AttributeError, as in docket 0.27."""


class Docket:
    """A place to schedule tasks on.

    Opened by ``async with``. ``url``: ``memory://`` and any name; dockets of one URL and name
    on one event loop share their tasks. The other arguments are those of the library; they
    concern servers and can be read back.

        async with Docket(name="bakery", url="memory://bakery") as docket:
            await docket.add(bake)("rye")
    """

    def __init__(
        self,
        name: str = "docket",
        url: str = "redis://localhost:6379/0",
        heartbeat_interval: timedelta = timedelta(seconds=2),
        missed_heartbeats: int = 5,
        execution_ttl: timedelta = timedelta(minutes=15),
        result_storage: Any = None,
        enable_internal_instrumentation: bool = False,
        credential_provider: Any = None,
    ) -> None:
        self.name = name
        self.url = url
        self.heartbeat_interval = heartbeat_interval
        self.missed_heartbeats = missed_heartbeats
        self.execution_ttl = execution_ttl
        self.result_storage = result_storage
        self.enable_internal_instrumentation = enable_internal_instrumentation
        self.credential_provider = credential_provider
        self.tasks: dict[str, TaskFunction] = {one.__name__: one for one in standard_tasks}
        self.strike_list: StrikeList
        self._queue: Queue | None = None
        self._lent = False

    @classmethod
    def on_queue(cls, queue: Queue) -> Self:
        """An open docket on a queue of the engine; whoever made the queue closes it."""
        docket = cls(url="memory://")
        docket.lend(queue)
        return docket

    def lend(self, queue: Queue) -> None:
        """Work on this queue from now on, open until whoever made the queue closes it."""
        self._open(queue)
        self._lent = True

    @property
    def queue(self) -> Queue:
        """The engine's queue underneath. Raises DocketClosed outside ``async with``."""
        if self._queue is None:
            raise DocketClosed(
                f"The docket {self.name!r} is not open. It was made, but not entered, or has been "
                f"left. Use it inside `async with docket:`."
            )
        return self._queue

    async def __aenter__(self) -> Self:
        if not self._lent:
            if self._queue is not None:
                raise RuntimeError(
                    f"The docket {self.name!r} is open already. It was entered twice. "
                    f"Make a second Docket of the same name and URL instead."
                )
            self._open(queue_of(self.url, self.name))
            if hasattr(self.result_storage, "setup"):
                await self.result_storage.setup()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        frames: TracebackType | None,
    ) -> None:
        if not self._lent:
            self.strike_list.leave()
            self._queue = None

    def _open(self, queue: Queue) -> None:
        self._queue = queue
        self.strike_list = StrikeList(self.url, self.name)
        self.strike_list.join(board_of(queue))

    def register(self, function: TaskFunction, names: Iterable[str] | None = None) -> None:
        """Make a task known under its own name, or under ``names``; a later one wins.

        Raises ValueError when its dependencies contradict each other.
        """
        validate_dependencies(function)
        for name in names or (function.__name__,):
            self.tasks[name] = function

    def register_collection(self, collection_path: str) -> None:
        """Make the tasks known that ``"module:attribute"`` lists."""
        module, _, attribute = collection_path.rpartition(":")
        for function in getattr(import_module(module), attribute):
            self.register(function)

    def labels(self) -> dict[str, str]:
        """What log records tell of the docket."""
        return {"docket.name": self.name}

    @overload
    def add(
        self,
        function: Callable[P, Awaitable[Any]],
        when: datetime | None = None,
        key: str | None = None,
    ) -> Callable[P, Awaitable[Execution]]: ...
    @overload
    def add(
        self, function: str, when: datetime | None = None, key: str | None = None
    ) -> Callable[..., Awaitable[Execution]]: ...
    def add(
        self, function: TaskFunction | str, when: datetime | None = None, key: str | None = None
    ) -> Callable[..., Awaitable[Execution]]:
        """Schedule a task: ``await docket.add(bake, when=..., key=...)("rye")``.

        ``when`` is now and ``key`` is a fresh one unless given. While a task with the key is
        scheduled, queued or running, a second one is ignored and its execution says so in
        ``disposition``. Raises KeyError for a name that is not registered, TypeError for a
        ``when`` without a time zone, and for arguments that cannot be pickled.
        """
        return self._scheduler(function, when, key, replace=False)

    @overload
    def replace(
        self, function: Callable[P, Awaitable[Any]], when: datetime, key: str
    ) -> Callable[P, Awaitable[Execution]]: ...
    @overload
    def replace(
        self, function: str, when: datetime, key: str
    ) -> Callable[..., Awaitable[Execution]]: ...
    def replace(
        self, function: TaskFunction | str, when: datetime, key: str
    ) -> Callable[..., Awaitable[Execution]]:
        """Schedule a task in place of the one that waits under the key, if there is one.

        One that runs already is not interrupted: it ends, and retries and perpetuates no more.
        """
        return self._scheduler(function, when, key, replace=True)

    @overload
    def call(
        self,
        function: Callable[P, Awaitable[Any]],
        when: datetime | None = None,
        key: str | None = None,
    ) -> Callable[P, TaskCall]: ...
    @overload
    def call(
        self, function: str, when: datetime | None = None, key: str | None = None
    ) -> Callable[..., TaskCall]: ...
    def call(
        self, function: TaskFunction | str, when: datetime | None = None, key: str | None = None
    ) -> Callable[..., TaskCall]:
        """A call for ``add_many`` or ``replace_many``, with the defaults of ``add``."""
        name, task = self._task(function)
        key = key or fresh_key()
        when = self.queue.clock.time() if when is None else when
        self.instant(when)
        return lambda *args, **kwargs: TaskCall(task, args, kwargs, key, when, name)

    async def add_many(
        self, calls: Iterable[TaskCall], *, chunk_size: int | None = 1000
    ) -> list[Execution]:
        """Schedule calls as ``add`` does, ``chunk_size`` at a time, None for all at once.

        Each execution says in ``disposition`` what became of it, FAILED when the store failed.
        """
        return await self._land_many(calls, chunk_size, replace=False)

    async def replace_many(
        self, calls: Iterable[TaskCall], *, chunk_size: int | None = 1000
    ) -> list[Execution]:
        """Schedule calls as ``replace`` does; see ``add_many``."""
        return await self._land_many(calls, chunk_size, replace=True)

    async def schedule(self, execution: Execution) -> None:
        """Schedule an execution that was made by hand, as ``add`` does."""
        await land(self, (execution,), replace=False)

    async def cancel(self, key: str) -> None:
        """Cancel what waits under the key, and ask what runs under it to stop; never raises."""
        for job in await self.jobs_under(key, LIVE):
            await self.queue.cancel(job.id)

    async def clear(self) -> int:
        """Cancel everything that waits, and say how much that was. What runs is left alone."""
        waiting = await self.queue.find(JobQuery(states=QUEUED))
        cancelled = [await self.queue.cancel(job.id) for job in waiting]
        return sum(job is not None for job in cancelled)

    async def get_execution(self, key: str) -> Execution | None:
        """The last execution under the key. None when there was none, or too long ago."""
        job = await self.last_job(key)
        if job is None:
            return None
        execution = Execution.of(self, job, self.tasks.get(job.task) or placeholder(job.task))
        await execution.progress.sync()
        return execution

    async def snapshot(self) -> DocketSnapshot:
        """What waits, what runs, and who works. Raises ValueError for an unregistered task."""
        return await take_snapshot(self)

    async def workers(self) -> list[WorkerInfo]:
        """The workers that run now."""
        return live_workers(self)

    async def task_workers(self, task_name: str) -> list[WorkerInfo]:
        """The workers that run now and know this task."""
        return [worker for worker in live_workers(self) if task_name in worker.tasks]

    async def strike(
        self,
        function: TaskFunction | str | None = None,
        parameter: str | None = None,
        operator: Operator | LiteralOperator = "==",
        value: Hashable | None = None,
    ) -> None:
        """Keep a task, or every call with such an argument, from being scheduled and from running.

        It holds for all dockets of this URL and name, until ``restore`` says the same.
        """
        await self.strike_list.send_instruction(
            Strike(_name(function), parameter, Operator(operator), value)
        )

    async def restore(
        self,
        function: TaskFunction | str | None = None,
        parameter: str | None = None,
        operator: Operator | LiteralOperator = "==",
        value: Hashable | None = None,
    ) -> None:
        """Take back a strike that said the same."""
        await self.strike_list.send_instruction(
            Restore(_name(function), parameter, Operator(operator), value)
        )

    async def wait_for_strikes_loaded(self) -> None:
        """Return when all strikes so far are known."""
        await self.strike_list.wait_for_strikes_loaded()

    async def last_job(self, key: str) -> Job | None:
        """The newest job of the engine under the key, unless ``execution_ttl`` is over."""
        jobs = await self.jobs_under(key)
        keep, now = to_micros(self.execution_ttl), self.queue.clock.now()
        return jobs[-1] if jobs and is_remembered(jobs[-1], keep, now) else None

    async def jobs_under(self, key: str, states: frozenset[State] = ALL) -> list[Job]:
        """The jobs of the engine under the key, oldest first."""
        return await self.queue.find(JobQuery(states=states, key=key))

    def new_job(
        self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], due_at: int, key: str
    ) -> Job:
        """A job of the engine for a call: it holds its key until it has ended."""
        # The key itself is the name: one string for both.
        holds = [Hold(key, LIVE)]
        function = self.tasks.get(name)
        if function is not None:
            holds += limits_of(self.name, name, function, args, kwargs)
        return self.queue.new_job(
            name,
            payload=encode(args, kwargs),
            due_at=due_at,
            key=key,
            holds=tuple(holds),
            labels=key_labels(key),
        )

    def new_call(
        self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], at: int | None
    ) -> Job:
        """A job for a call of a registered task, under a fresh key; ``at`` None: due now."""
        name, _ = self._task(name)
        due_at = self.queue.clock.now() if at is None else at
        return self.new_job(name, args, kwargs, due_at, fresh_key())

    def instant(self, when: datetime) -> int:
        """The instant of a ``when``. Raises TypeError when it has no time zone."""
        try:
            return to_instant(when)
        except NaiveDatetime as error:
            raise NaiveWhen(*error.args) from None

    def under_test(self) -> AppUnderTest:
        """What the harness of a test sees of this docket."""
        from pytest_taskq.docket._under_test import DocketUnderTest

        return DocketUnderTest(self)

    def _scheduler(
        self, function: TaskFunction | str, when: datetime | None, key: str | None, *, replace: bool
    ) -> Callable[..., Awaitable[Execution]]:
        specify = self.call(function, when, key)

        async def scheduler(*args: Any, **kwargs: Any) -> Execution:
            execution = self._execution(specify(*args, **kwargs))
            await land(self, (execution,), replace=replace)
            return execution

        return scheduler

    async def _land_many(
        self, calls: Iterable[TaskCall], size: int | None, *, replace: bool
    ) -> list[Execution]:
        if size is not None and size < 1:
            raise BadOption(
                f"chunk_size must be at least 1. It is {size!r}. Use None for all at once."
            )
        executions = [self._execution(call) for call in calls]
        await land_in_chunks(self, executions, size, replace=replace)
        return executions

    def _execution(self, call: TaskCall) -> Execution:
        return Execution(
            self,
            call.function,
            call.args,
            call.kwargs,
            call.key,
            call.when,
            1,
            function_name=call.function_name,
        )

    def _task(self, function: TaskFunction | str) -> tuple[str, TaskFunction]:
        if isinstance(function, str):
            if function not in self.tasks:
                raise UnknownTask(function, self.tasks)
            return function, self.tasks[function]
        name = function.__name__
        if self.tasks.get(name) is not function:
            self.register(function)
        return name, function


def _name(function: TaskFunction | str | None) -> str | None:
    return function if function is None or isinstance(function, str) else function.__name__
