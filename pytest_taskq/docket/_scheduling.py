"""The verbs that put calls on a docket: which tasks there are, and how calls become jobs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, ParamSpec, cast, overload

from pytest_taskq.core.errors import BadOption, NaiveDatetime, UnknownTask
from pytest_taskq.core.instants import to_instant
from pytest_taskq.core.job import Hold, Job
from pytest_taskq.docket._concurrency import limits_of
from pytest_taskq.docket._keys import fresh_key, key_labels
from pytest_taskq.docket._landing import land, land_in_chunks
from pytest_taskq.docket._payload import encode
from pytest_taskq.docket._plan import validate_dependencies
from pytest_taskq.docket._states import LIVE, TaskCall, TaskFunction
from pytest_taskq.docket.execution import Execution
from pytest_taskq.docket.tasks import standard_tasks
from pytest_taskq.engine.queue import Queue

if TYPE_CHECKING:
    from pytest_taskq.docket.docket import Docket

__all__ = ["NaiveWhen", "Scheduling"]

P = ParamSpec("P")
STANDARD: dict[str, TaskFunction] = {one.__name__: one for one in standard_tasks}


class NaiveWhen(NaiveDatetime, TypeError):
    """A ``when`` has no time zone: a TypeError, as in docket 0.27."""


class Scheduling:
    """The half of a docket that knows tasks, and schedules calls of them."""

    name: str

    def __init__(self) -> None:
        self.tasks: dict[str, TaskFunction] = dict(STANDARD)
        self.registered: list[Callable[[], None]] = []
        """Called after a task was registered."""

    @property
    def queue(self) -> Queue:
        """The engine's queue underneath."""
        raise NotImplementedError

    def register(self, function: TaskFunction, names: Iterable[str] | None = None) -> None:
        """Make a task known under its own name, or under ``names``; a later one wins.

        Raises ValueError when its dependencies contradict each other.
        """
        validate_dependencies(function)
        for name in names or (function.__name__,):
            self.tasks[name] = function
        for told in self.registered:
            told()

    def register_collection(self, collection_path: str) -> None:
        """Make the tasks known that ``"module:attribute"`` lists."""
        module, _, attribute = collection_path.rpartition(":")
        for function in getattr(import_module(module), attribute):
            self.register(function)

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
        _, task = self._task(function)
        name = function if isinstance(function, str) else None
        key = key or fresh_key()
        if when is None:
            when = self.queue.clock.time()
        else:
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
        await land(self._docket, (execution,), replace=False)

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

    @property
    def _docket(self) -> Docket:
        return cast("Docket", self)

    def _scheduler(
        self, function: TaskFunction | str, when: datetime | None, key: str | None, *, replace: bool
    ) -> Callable[..., Awaitable[Execution]]:
        specify = self.call(function, when, key)

        async def scheduler(*args: Any, **kwargs: Any) -> Execution:
            execution = self._execution(specify(*args, **kwargs))
            await land(self._docket, (execution,), replace=replace)
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
        await land_in_chunks(self._docket, executions, size, replace=replace)
        return executions

    def _execution(self, call: TaskCall) -> Execution:
        return Execution(
            self._docket,
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
