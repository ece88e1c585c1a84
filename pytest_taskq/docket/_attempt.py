"""One attempt of one task: give it its dependencies, call it, and say what is to follow."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Coroutine, Iterable
from contextlib import AsyncExitStack
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import Job
from pytest_taskq.core.outcome import Again, Cancelled, Failed, Outcome, Snoozed
from pytest_taskq.docket._dependency import current_execution
from pytest_taskq.docket._depends import Entered
from pytest_taskq.docket._perpetual import Perpetual
from pytest_taskq.docket._plan import Parameter, dependencies_of, wanted
from pytest_taskq.docket._retry import Retry
from pytest_taskq.docket._timeout import Timeout
from pytest_taskq.docket.execution import Execution, ExecutionState, TaskFunction
from pytest_taskq.engine.tasks import Attempt, Task, Tasks

if TYPE_CHECKING:
    from pytest_taskq.docket.docket import Docket

__all__ = ["DocketTasks"]

D = TypeVar("D")
logger = logging.getLogger("docket.worker")


class DocketTasks(Tasks):
    """The tasks of a docket, as the engine calls them; ``fallback`` stands in for unknown ones."""

    def __init__(self, docket: Docket, fallback: TaskFunction) -> None:
        super().__init__()
        self._docket = docket
        self._fallback = fallback
        self._made: dict[str, tuple[TaskFunction, Task]] = {}

    def __getitem__(self, name: str) -> Task:
        function = self._docket.tasks.get(name, self._fallback)
        made = self._made.get(name)
        if made is None or made[0] is not function:
            made = self._made[name] = (function, _DocketTask(self._docket, name, function).task())
        return made[1]


class _Surroundings:
    """What one attempt was given, and whether another execution has taken its key meanwhile."""

    def __init__(self, entered: Iterable[Any] = ()) -> None:
        self.retry = _first(Retry, entered)
        self.perpetual = _first(Perpetual, entered)
        self.timeout = _first(Timeout, entered)
        self.superseded = False


class _DocketTask:
    """A registered function, and what the engine asks about it."""

    def __init__(self, docket: Docket, name: str, function: TaskFunction) -> None:
        self._docket = docket
        self._name = name
        self._function = function
        self._parameters = dependencies_of(function)

    def task(self) -> Task:
        """The function as a task of the engine."""
        if not self._parameters:
            return Task(name=self._name, call=self._call)
        return Task(name=self._name, call=self._call, decide=self._decide, follow=self._follow)

    async def _call(self, attempt: Attempt) -> Any:
        job = attempt.job
        execution = Execution(
            self._docket,
            self._function,
            attempt.args,
            attempt.kwargs,
            job.key or "",
            to_datetime(job.due_at),
            job.attempt,
            function_name=self._name,
        )
        execution.state = ExecutionState.RUNNING
        execution.worker = attempt.worker.name
        current_execution.set(execution)
        if logger.isEnabledFor(logging.INFO):  # put together only for a line that is written
            logger.info("started %s, attempt %d", execution.call_repr(), job.attempt)
        try:
            if self._parameters:
                value = await self._call_with_dependencies(attempt)
            else:
                value = await self._body(*attempt.args, **attempt.kwargs)
        except asyncio.CancelledError:
            logger.info("cancelled %s", execution.call_repr())
            raise
        except BaseException:
            logger.exception("failed %s, attempt %d", execution.call_repr(), job.attempt)
            raise
        if logger.isEnabledFor(logging.INFO):
            logger.info("completed %s", execution.call_repr())
        return value

    def _body(self, *args: Any, **kwargs: Any) -> Awaitable[Any]:
        value = self._function(*args, **kwargs)
        if not isinstance(value, Coroutine) and not isawaitable(value):
            raise TypeError(
                f"A Docket task must be async. {self._name} returned {type(value).__name__} "
                f"without an await. Define it with `async def`."
            )
        return value

    async def _call_with_dependencies(self, attempt: Attempt) -> Any:
        value: Any = None  # what is left of an error that a dependency swallows
        try:
            async with AsyncExitStack() as stack:
                entered = Entered(stack)
                missing = wanted(self._parameters, attempt.args, attempt.kwargs)
                values, failed = await _enter(entered, missing)
                given = attempt.extra = _Surroundings(entered.all)
                if failed:
                    names = ", ".join(failed)
                    raise ExceptionGroup(
                        f"{self._name} did not run: no value for {names}", list(failed.values())
                    )
                body = self._body(*attempt.args, **attempt.kwargs, **values)
                value = await (body if given.timeout is None else given.timeout.limit(body))
        finally:
            await self._note_successor(attempt)
        # As docket 0.27: what a perpetual task returns is the result of no execution.
        perpetuates = given.perpetual is not None and not given.perpetual.cancelled
        return None if perpetuates else value

    async def _note_successor(self, attempt: Attempt) -> None:
        given = attempt.extra
        if given is not None and (given.retry is not None or given.perpetual is not None):
            given.superseded = await self._docket.is_superseded(attempt.job)

    def _decide(self, attempt: Attempt, error: BaseException) -> Again | None:
        given = attempt.extra
        if given is None or given.retry is None or given.superseded:
            return None
        at = given.retry.next_at(self._docket.queue.clock.now())
        return None if at is None else Again(at=at)

    def _follow(self, attempt: Attempt, outcome: Outcome) -> list[Job]:
        given = attempt.extra
        if given is None or given.perpetual is None:
            return []
        perpetual: Perpetual = given.perpetual
        goes_on = isinstance(outcome, Failed) and outcome.again is not None
        if goes_on or isinstance(outcome, Cancelled | Snoozed):
            return []
        if perpetual.cancelled or given.superseded:
            return []
        at = perpetual.next_at(self._docket.queue.clock.now())
        job = attempt.job
        args, kwargs = perpetual.args, perpetual.kwargs
        return [self._docket.new_job(self._name, args, kwargs, at, job.key or "", job.labels)]


async def _enter(
    entered: Entered, parameters: Iterable[Parameter]
) -> tuple[dict[str, Any], dict[str, Exception]]:
    """The values of these dependencies, and the errors of those that have none."""
    values: dict[str, Any] = {}
    failed: dict[str, Exception] = {}
    for parameter in parameters:
        try:
            values[parameter.name] = await entered.enter(parameter.dependency)
        except Exception as error:  # noqa: BLE001 - the task fails with all of them
            failed[parameter.name] = error
    return values, failed


def _first(kind: type[D], entered: Iterable[Any]) -> D | None:
    return next((value for value in entered if isinstance(value, kind)), None)
