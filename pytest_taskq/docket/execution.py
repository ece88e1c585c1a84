"""Execution: one call of a task, as whoever scheduled it or looks it up sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Self

from pytest_taskq.core.errors import BadOption, NotStorable
from pytest_taskq.core.instants import to_datetime, to_instant, to_micros
from pytest_taskq.core.job import FINAL, Job, State
from pytest_taskq.core.payload import Unavailable, decode_call, decode_value
from pytest_taskq.engine.clock import loop_seconds

if TYPE_CHECKING:
    from pytest_taskq.docket.docket import Docket

__all__ = ["Disposition", "Execution", "ExecutionCancelled", "ExecutionState", "TaskFunction"]

TaskFunction = Callable[..., Awaitable[Any]]


class ExecutionState(StrEnum):
    """Where an execution is: parked until its time, ready, running, or at one of three ends."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Disposition(Enum):
    """What became of a call to schedule; LOADED: this object comes from looking one up."""

    LOADED = "loaded"
    SCHEDULED = "scheduled"
    ALREADY_SCHEDULED = "already_scheduled"


class ExecutionCancelled(Exception):
    """The result was asked for of an execution that was cancelled."""


STATES = {
    State.RUNNING: ExecutionState.RUNNING,
    State.SUCCEEDED: ExecutionState.COMPLETED,
    State.DEAD: ExecutionState.FAILED,
    State.CANCELLED: ExecutionState.CANCELLED,
}


class Execution:
    """One call of a task. What it knows is of the instant it was made, or last synced."""

    def __init__(
        self,
        docket: Docket,
        function: TaskFunction,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        key: str,
        when: datetime,
        attempt: int,
        *,
        function_name: str | None = None,
    ) -> None:
        self.docket = docket
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.key = key
        self.when = when
        self.attempt = attempt
        self.function_name = function_name or function.__name__
        self.state = ExecutionState.SCHEDULED
        self.disposition = Disposition.LOADED
        self.worker: str | None = None
        self.started_at: datetime | None = None
        self.completed_at: datetime | None = None
        self.error: str | None = None

    @classmethod
    def of(cls, docket: Docket, job: Job, function: TaskFunction) -> Self:
        """The execution that a job of the engine is."""
        args, kwargs = decode_call(job.payload)
        execution = cls(
            docket,
            function,
            args,
            kwargs,
            job.key or "",
            to_datetime(job.due_at),
            max(job.attempt, 1),
            function_name=job.task,
        )
        execution.take(job)
        return execution

    def __repr__(self) -> str:
        return f"<Execution {self.call_repr()} {self.state}>"

    def call_repr(self) -> str:
        """The call as log lines show it: the values of arguments may be secret."""
        return f"{self.function_name}({'...' if self.args or self.kwargs else ''}){{{self.key}}}"

    def take(self, job: Job) -> None:
        """Take over what the engine knows about the job now."""
        parked = job.due_at > self.docket.queue.clock.now()
        waiting = ExecutionState.SCHEDULED if parked else ExecutionState.QUEUED
        failed = job.failure if job.state is State.DEAD else None
        running = job.state is not State.QUEUED
        self.state = STATES.get(job.state, waiting)
        self.when = to_datetime(job.due_at)
        self.worker = job.lease.worker if job.lease else None
        self.started_at = to_datetime(job.started_at) if running and job.started_at else None
        self.completed_at = to_datetime(job.finished_at) if job.finished_at else None
        self.error = f"{failed.type_name}: {failed.message}" if failed else None

    async def sync(self) -> None:
        """Learn how things are now with the last job under this key."""
        job = await self.docket.last_job(self.key)
        if job is not None:
            self.take(job)

    async def get_result(
        self, *, timeout: timedelta | None = None, deadline: datetime | None = None
    ) -> Any:
        """Wait for the end, and return what the task returned.

        ``timeout`` and ``deadline`` limit the waiting in real time; ValueError for both at once,
        TimeoutError when the limit is reached. Raises what the task raised, or
        ExecutionCancelled.
        """
        job = await self._ended(self._seconds(timeout, deadline))
        if job.state is State.CANCELLED:
            raise ExecutionCancelled(
                f"{self.call_repr()} has no result. It was cancelled. "
                f"Look at execution.state before you ask for one."
            )
        if job.state is State.DEAD:
            events = self.docket.queue.history.of(job.id)
            raise next(
                (event.error for event in reversed(events) if event.error is not None),
                Exception(self.error),
            )
        result = None if job.result is None else decode_value(job.result)
        if isinstance(result, Unavailable):
            raise NotStorable(
                f"The result of {self.call_repr()}",
                f"It was a {result.type_name}: {result.reason}",
                "Return plain data from the task.",
            )
        return result

    def _seconds(self, timeout: timedelta | None, deadline: datetime | None) -> float | None:
        if timeout is not None and deadline is not None:
            raise BadOption(
                "get_result() takes one limit. It was given a timeout and a deadline. "
                "Leave one of them out."
            )
        if deadline is not None:
            return loop_seconds(to_instant(deadline) - self.docket.queue.clock.now())
        return None if timeout is None else loop_seconds(to_micros(timeout))

    async def _ended(self, seconds: float | None) -> Job:
        changed = asyncio.Event()
        job: Job | None = None
        with self.docket.queue.told(lambda _: changed.set()):
            try:
                async with asyncio.timeout(seconds):
                    while True:
                        changed.clear()
                        job = await self.docket.last_job(self.key)
                        if job is not None and job.state in FINAL:
                            self.take(job)
                            return job
                        await changed.wait()
            except TimeoutError:
                state = "unknown" if job is None else job.state
                raise TimeoutError(
                    f"{self.call_repr()} did not end within {seconds:g} s. It is {state}. "
                    f"Run a worker, or allow more time."
                ) from None
