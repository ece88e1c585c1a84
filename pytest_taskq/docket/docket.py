"""Docket: where tasks are registered, scheduled, replaced, cancelled and looked at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, ParamSpec, Self, overload

from pytest_taskq.core.errors import NaiveDatetime, QueueClosed, UnknownTask
from pytest_taskq.core.instants import to_datetime, to_instant
from pytest_taskq.core.job import NO_LABELS, Hold, Job, State
from pytest_taskq.core.store import JobQuery
from pytest_taskq.docket._keys import FRESH_KEY, fresh_key
from pytest_taskq.docket._memory import memory_queue
from pytest_taskq.docket._placeholder import placeholder
from pytest_taskq.docket._plan import dependencies_of
from pytest_taskq.docket._snapshot import (
    DocketSnapshot,
    RunningExecution,
    WorkerInfo,
    take_snapshot,
)
from pytest_taskq.docket.execution import Disposition, Execution, ExecutionState, TaskFunction
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.under_test import AppUnderTest

__all__ = ["Docket", "DocketSnapshot", "NaiveWhen", "RunningExecution", "WorkerInfo"]

P = ParamSpec("P")
QUEUED = frozenset({State.QUEUED})
LIVE = frozenset({State.QUEUED, State.RUNNING})


class NaiveWhen(NaiveDatetime, TypeError):
    """A ``when`` has no time zone: a TypeError, as in docket 0.27."""


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
        self.tasks: dict[str, TaskFunction] = {}
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
        self._queue = queue
        self._lent = True

    @property
    def queue(self) -> Queue:
        """The engine's queue underneath. Raises QueueClosed outside ``async with``."""
        if self._queue is None:
            raise QueueClosed(
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
            self._queue = memory_queue(self.url, self.name)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        frames: TracebackType | None,
    ) -> None:
        if not self._lent:
            self._queue = None

    def register(self, function: TaskFunction, names: Iterable[str] | None = None) -> None:
        """Make a task known under its own name, or under ``names``; a later one wins.

        Raises ValueError when its dependencies contradict each other.
        """
        dependencies_of(function)
        for name in names or (function.__name__,):
            self.tasks[name] = function

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
        ``when`` without a time zone, and NotStorable for arguments that cannot be stored.
        """
        name, task = self._task(function)
        labels = NO_LABELS if key else FRESH_KEY
        key = key or fresh_key()
        due_at = self._instant(when)

        async def scheduler(*args: Any, **kwargs: Any) -> Execution:
            job = self.new_job(name, args, kwargs, due_at, key, labels)
            (answer,) = await self.queue.enqueue_each((job,))
            return self._execution(task, args, kwargs, job, accepted=isinstance(answer, Job))

        return scheduler

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
        name, task = self._task(function)
        due_at = self._instant(when)

        async def scheduler(*args: Any, **kwargs: Any) -> Execution:
            job = self.new_job(name, args, kwargs, due_at, key)
            while True:
                running = 0
                for live in await self._jobs(key, LIVE):
                    if live.state is State.RUNNING:
                        running += 1
                    else:
                        await self.queue.cancel(live.id)
                # Those that still run keep the name; there is room for one more beside them.
                holds = tuple(hold._replace(limit=running + 1) for hold in job.holds)
                (answer,) = await self.queue.enqueue_each((job._replace(holds=holds),))
                if isinstance(answer, Job):
                    return self._execution(task, args, kwargs, job, accepted=True)

        return scheduler

    async def cancel(self, key: str) -> None:
        """Cancel what waits under the key, and ask what runs under it to stop; never raises."""
        for job in await self._jobs(key, LIVE):
            await self.queue.cancel(job.id)

    async def clear(self) -> int:
        """Cancel everything that waits, and say how much that was. What runs is left alone."""
        waiting = await self.queue.find(JobQuery(states=QUEUED))
        cancelled = [await self.queue.cancel(job.id) for job in waiting]
        return sum(job is not None for job in cancelled)

    async def get_execution(self, key: str) -> Execution | None:
        """The last execution under the key. None when there was none."""
        job = await self.last_job(key)
        if job is None:
            return None
        return Execution.of(self, job, self.tasks.get(job.task) or placeholder(job.task))

    async def snapshot(self) -> DocketSnapshot:
        """What waits, what runs, and who works. Raises ValueError for an unregistered task."""
        return await take_snapshot(self)

    async def last_job(self, key: str) -> Job | None:
        """The newest job of the engine under the key."""
        jobs = await self._jobs(key)
        return jobs[-1] if jobs else None

    async def is_superseded(self, job: Job) -> bool:
        """Whether the job's key was given to a newer one, which only ``replace`` can do."""
        newer = JobQuery(key=job.key, after=job, limit=1)
        return bool(await self.queue.find(newer))

    def new_job(
        self,
        name: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        due_at: int,
        key: str,
        labels: Mapping[str, Any] = NO_LABELS,
    ) -> Job:
        """A job of the engine for a call, which holds its key until it has ended."""
        # The key itself is the name: one string for both, and no other name here looks like one.
        hold = Hold(key, LIVE)
        return self.queue.new_job(
            name, args, kwargs, due_at=due_at, key=key, holds=(hold,), labels=labels
        )

    def new_call(
        self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], at: int | None
    ) -> Job:
        """A job for a call of a registered task, under a fresh key; ``at`` None: due now."""
        name, _ = self._task(name)
        due_at = self.queue.clock.now() if at is None else at
        return self.new_job(name, args, kwargs, due_at, fresh_key(), FRESH_KEY)

    def under_test(self) -> AppUnderTest:
        """What the harness of a test sees of this docket."""
        from pytest_taskq.docket._under_test import DocketUnderTest

        return DocketUnderTest(self)

    async def _jobs(self, key: str, states: frozenset[State] = frozenset(State)) -> list[Job]:
        return await self.queue.find(JobQuery(states=states, key=key))

    def _task(self, function: TaskFunction | str) -> tuple[str, TaskFunction]:
        if isinstance(function, str):
            if function not in self.tasks:
                raise UnknownTask(function, self.tasks)
            return function, self.tasks[function]
        name = function.__name__
        if self.tasks.get(name) is not function:
            self.register(function)
        return name, function

    def _instant(self, when: datetime | None) -> int:
        if when is None:
            return self.queue.clock.now()
        try:
            return to_instant(when)
        except NaiveDatetime as error:
            raise NaiveWhen(*error.args) from None

    def _execution(
        self,
        function: TaskFunction,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        job: Job,
        *,
        accepted: bool,
    ) -> Execution:
        when = to_datetime(job.due_at)
        execution = Execution(
            self, function, args, kwargs, job.key or "", when, 1, function_name=job.task
        )
        if not accepted:
            execution.disposition = Disposition.ALREADY_SCHEDULED
        else:
            execution.disposition = Disposition.SCHEDULED
            if job.due_at <= job.created_at:
                execution.state = ExecutionState.QUEUED
        return execution
