"""One attempt of one task: give it its dependencies, call it, and say what is to follow."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from datetime import timedelta
from inspect import isawaitable
from types import CoroutineType, MappingProxyType
from typing import TYPE_CHECKING, Any

from pytest_taskq.core.instants import to_datetime, to_micros
from pytest_taskq.core.job import Job
from pytest_taskq.core.outcome import (
    Again,
    Cancelled,
    Failed,
    Outcome,
    Snoozed,
    Succeeded,
)
from pytest_taskq.docket._board import board_of
from pytest_taskq.docket._dependency import current_execution
from pytest_taskq.docket._fate import Fate
from pytest_taskq.docket._handlers import (
    AdmissionBlocked,
    CompletionHandler,
    FailureHandler,
    Runtime,
    TaskOutcome,
    format_duration,
)
from pytest_taskq.docket._payload import decode
from pytest_taskq.docket._plan import get_single_dependency_of_type, plan_of
from pytest_taskq.docket._progress import begin_progress, end_progress
from pytest_taskq.docket._resolution import OF_WORKER, FailedDependency, resolved_dependencies
from pytest_taskq.docket._results import keep_result
from pytest_taskq.docket._states import ExecutionState, TaskFunction
from pytest_taskq.docket.execution import Execution
from pytest_taskq.engine.tasks import Attempt, Task, Tasks

if TYPE_CHECKING:
    from pytest_taskq.docket.worker import Worker

__all__ = ["DocketTasks"]

SOON = timedelta(milliseconds=100)
logger = logging.getLogger("docket.worker")


class DocketTasks(Tasks):
    """The tasks of a worker's docket, as the engine calls them."""

    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self.worker = worker
        self._made: dict[str, tuple[TaskFunction, Task]] = {}

    def arguments(self, job: Job) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of a job, of which each attempt gets copies."""
        return decode(job.payload)

    def __getitem__(self, name: str) -> Task:
        function = self.worker.docket.tasks.get(name, self.worker.fallback_task)
        made = self._made.get(name)
        if made is None or made[0] is not function:
            task = _DocketTask(self.worker, name, function)
            made = self._made[name] = (
                function,
                Task(name=name, call=task.call, decide=_decide, follow=_follow),
            )
        return made[1]


class _DocketTask:
    """A function in the place of a task's name, for one worker."""

    def __init__(self, worker: Worker, name: str, function: TaskFunction) -> None:
        self._worker = worker
        self._docket = worker.docket
        self._progress = board_of(worker.docket.queue).progress
        self._name = name
        self._function = function
        self._plain = not worker.dependencies and not plan_of(function).dependencies

    async def call(self, attempt: Attempt) -> Outcome:
        """One attempt, and what is to be recorded of it. Raises what the task raised."""
        execution = self._execution(attempt)
        if self._docket.strike_list.is_stricken(execution):
            logger.warning("🗙 %s", execution.call_repr())
            return Cancelled("stricken")
        if self._worker.started is not None:
            self._worker.started.update({execution.key, self._name})
        fate = attempt.extra = execution.fate = Fate(self._docket, attempt.job)
        current_execution.set(execution)  # docket and worker are its run's
        begin_progress(self._progress, execution)
        run = _Run(execution, fate, self._docket.queue.clock.now())
        try:
            if self._plain:
                value = await self._body(*execution.args, **execution.kwargs)
            else:
                value = await self._resolve(run)
        except AdmissionBlocked as blocked:
            return run.blocked(blocked)
        except asyncio.CancelledError:
            logger.info("✗ [%s] %s (cancelled)", run.lasted, execution.call_repr())
            if attempt.is_stopped():
                raise
            return Cancelled("the task cancelled itself")
        except Exception as error:
            await run.failed(error)
            raise
        finally:
            end_progress(self._progress, execution)
        return await run.succeeded(value)

    def _execution(self, attempt: Attempt) -> Execution:
        job = attempt.job
        execution = Execution.in_hand(
            self._docket, job, self._function, attempt.args, attempt.kwargs
        )
        if job.attempt > 1:  # being let lie by a worker counts in the engine, and not here
            events = self._docket.queue.history.of(job.id)
            execution.attempt -= sum(event.verb == "expire" for event in events)
        execution.state = ExecutionState.RUNNING
        execution.worker = self._worker.name
        execution.started_at = to_datetime(job.started_at or job.due_at)
        return execution

    async def _resolve(self, run: _Run) -> Any:
        try:
            async with resolved_dependencies(self._worker, run.execution) as values:
                try:
                    value = await self._with(values, run)
                except BaseException as error:
                    run.raised = error
                    raise
            if run.raised is None:
                return value
            # A dependency kept it to itself. In the library no handler is asked then.
            run.dependencies = {}
            raise run.raised
        finally:
            run.raised = None  # or the two would be a cycle

    async def _with(self, values: dict[str, Any], run: _Run) -> Any:
        """Call the task with its dependencies."""
        run.dependencies, execution = values, run.execution
        _refuse_failed(values)
        own = {name: v for name, v in values.items() if not name.startswith(OF_WORKER)}
        runtime: Runtime[Any] | None = get_single_dependency_of_type(values, Runtime)
        kwargs = {**execution.kwargs, **own}
        if runtime is None:
            value = await self._body(*execution.args, **kwargs)
        else:
            value = await runtime.run(execution, self._function, execution.args, kwargs)
        await run.complete(TaskOutcome(run.duration, value))
        return value

    def _body(self, *args: Any, **kwargs: Any) -> Awaitable[Any]:
        value = self._function(*args, **kwargs)
        if not isinstance(value, CoroutineType) and not isawaitable(value):
            raise TypeError(
                f"A Docket task must be async. {self._name} returned {type(value).__name__} "
                f"without an await. Define it with `async def`."
            )
        return value


class _Run:
    """An attempt from its start to its end: its log lines, and what its handlers say."""

    dependencies: Mapping[str, Any] = MappingProxyType({})
    raised: BaseException | None = None
    _taken_care_of = False

    def __init__(self, execution: Execution, fate: Fate, started_at: int) -> None:
        self.execution = execution
        self._fate = fate
        self._started_at = started_at
        if logger.isEnabledFor(logging.INFO):  # put together only for a line that is written
            late = (started_at - self._fate.job.due_at) / 1e6
            arrow = "↬" if execution.attempt > 1 else "↪"
            logger.info("%s [%s] %s", arrow, format_duration(late), execution.call_repr())

    @property
    def duration(self) -> timedelta:
        """How long it has been running."""
        now = self.execution.docket.queue.clock.now()
        return timedelta(microseconds=now - self._started_at)

    @property
    def lasted(self) -> str:
        """The same, for log lines."""
        return format_duration(self.duration.total_seconds())

    async def complete(self, outcome: TaskOutcome) -> None:
        """Tell the handler of completion, if there is one."""
        handler: CompletionHandler[Any] | None
        handler = get_single_dependency_of_type(self.dependencies, CompletionHandler)
        if handler is not None:
            self._taken_care_of = await handler.on_complete(self.execution, outcome)

    async def succeeded(self, value: Any) -> Outcome:
        """The task returned. What a handler took care of, as a perpetual does, has no result."""
        if self._taken_care_of:
            return Succeeded()
        try:
            kept = await keep_result(self.execution, value)
        except Exception as error:
            await self.failed(error)
            raise
        if logger.isEnabledFor(logging.INFO):
            logger.info("↩ [%s] %s", self.lasted, self.execution.call_repr())
        return Succeeded(kept)

    async def failed(self, error: Exception) -> None:
        """The task raised: ask the handlers what is to follow."""
        execution, outcome = self.execution, TaskOutcome(self.duration, exception=error)
        call = execution.call_repr()
        handler: FailureHandler[Any] | None
        handler = get_single_dependency_of_type(self.dependencies, FailureHandler)
        if handler is not None and await handler.handle_failure(execution, outcome):
            return
        self._taken_care_of = False
        await self.complete(outcome)
        if not self._taken_care_of:
            logger.error("↩ [%s] %s", self.lasted, call, exc_info=error)
        if execution.docket.result_storage is not None:
            await keep_result(execution, error)

    def blocked(self, blocked: AdmissionBlocked) -> Outcome:
        """A dependency did not let it start."""
        fate, clock = self._fate, self.execution.docket.queue.clock
        logger.info("⏸ %s: %s", self.execution.call_repr(), blocked.reason)
        if fate.again is not None:
            return Snoozed(fate.again, blocked.reason, holds=fate.holds)
        if blocked.handled or not blocked.reschedule:
            return Cancelled(blocked.reason)
        delay = SOON if blocked.retry_delay is None else blocked.retry_delay
        return Snoozed(clock.now() + to_micros(delay), blocked.reason)


def _refuse_failed(values: dict[str, Any]) -> None:
    """Raise what a dependency that is needed raised."""
    failed = [value for value in values.values() if isinstance(value, FailedDependency)]
    for one in failed:
        if isinstance(one.error, AdmissionBlocked):
            raise one.error
    if failed:
        names = ", ".join(one.parameter for one in failed)
        raise ExceptionGroup(
            f"Failed to resolve dependencies for parameter(s): {names}",
            [one.error for one in failed],
        )


def _decide(attempt: Attempt, error: BaseException) -> Again | None:
    fate: Fate | None = attempt.extra
    return None if fate is None or fate.again is None else Again(at=fate.again)


def _follow(attempt: Attempt, outcome: Outcome) -> list[Job]:
    fate: Fate | None = attempt.extra
    ended = isinstance(outcome, Succeeded) or (isinstance(outcome, Failed) and not outcome.again)
    return [fate.follow] if fate is not None and fate.follow is not None and ended else []
