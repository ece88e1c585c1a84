"""Execution: one call of a task, as whoever scheduled it or looks it up sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import Job, State
from pytest_taskq.docket._claim import claim_execution, end_execution
from pytest_taskq.docket._fate import Fate
from pytest_taskq.docket._given import Given
from pytest_taskq.docket._landing import land
from pytest_taskq.docket._payload import decode
from pytest_taskq.docket._plan import get_signature, plan_of
from pytest_taskq.docket._progress import ExecutionProgress
from pytest_taskq.docket._results import result_of, wait_for_end
from pytest_taskq.docket._signature import compact_signature
from pytest_taskq.docket._states import (
    ENDED,
    Disposition,
    ExecutionCancelled,
    ExecutionState,
    ProgressEvent,
    StateEvent,
    TaskCall,
    TaskFunction,
    error_of,
    state_of,
)
from pytest_taskq.docket._subscription import subscribe

if TYPE_CHECKING:
    from pytest_taskq.docket.docket import Docket

__all__ = [
    "Disposition",
    "Execution",
    "ExecutionCancelled",
    "ExecutionProgress",
    "ExecutionState",
    "ProgressEvent",
    "StateEvent",
    "TaskCall",
    "TaskFunction",
    "compact_signature",
    "get_signature",
]


class Execution:
    """One call of a task. What it knows is of the instant it was made, or last synced.

    ``generation`` is higher for what was scheduled later. ``redelivered``: a worker had it in
    hand before, and let it lie.
    """

    docket: Given[Docket] = Given()
    function: Given[TaskFunction] = Given()
    function_name: Given[str] = Given()
    args: Given[tuple[Any, ...]] = Given()
    kwargs: Given[dict[str, Any]] = Given()
    key: Given[str] = Given()
    redelivered: Given[bool] = Given()
    generation: Given[int] = Given()
    trace_context: Given[Any] = Given()

    when: datetime
    attempt: int
    message_id: Any
    state = ExecutionState.SCHEDULED
    disposition = Disposition.LOADED
    schedule_exception: BaseException | None = None
    worker: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    error: str | None = None
    result_key: str | None = None
    fate: Fate | None = None
    """In a worker: what is to follow the attempt that this execution is in."""

    def __init__(
        self,
        docket: Docket,
        function: TaskFunction,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        key: str,
        when: datetime,
        attempt: int,
        trace_context: Any = None,
        redelivered: bool = False,
        function_name: str | None = None,
        generation: int = 0,
        message_id: Any = None,
    ) -> None:
        # Two are made for each job: set one by one, this would be a tenth of what a job costs.
        vars(self).update(
            docket=docket,
            function=function,
            args=args,
            kwargs=dict(kwargs),
            key=key,
            when=when,
            attempt=attempt,
            trace_context=trace_context,
            redelivered=redelivered,
            function_name=function_name or function.__name__,
            generation=generation,
            message_id=message_id,
        )

    @classmethod
    def of(cls, docket: Docket, job: Job, function: TaskFunction) -> Self:
        """The execution that a job of the engine is."""
        args, kwargs = decode(job.payload)
        execution = cls.in_hand(docket, job, function, args, kwargs)
        execution.take(job)
        return execution

    @classmethod
    def in_hand(
        cls,
        docket: Docket,
        job: Job,
        function: TaskFunction,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Self:
        """The execution of a job with its arguments; not yet what is known of its state."""
        failure = job.failure
        return cls(
            docket,
            function,
            args,
            kwargs,
            job.key or "",
            to_datetime(job.due_at),
            job.attempt + (job.state is State.QUEUED) or 1,
            redelivered=failure is not None and failure.type_name == "LeaseLapsed",
            function_name=job.task,
            generation=job.id,
            message_id=job.id,
        )

    @cached_property
    def progress(self) -> ExecutionProgress:
        """How far it says it is."""
        return ExecutionProgress(self.docket, self.key)

    def __repr__(self) -> str:
        return f"<Execution {self.call_repr()} {self.state.value}>"

    def call_repr(self) -> str:
        """The call as log lines show it; of arguments only those that are ``Logged``."""
        plan = plan_of(self.function)
        named = [*zip(plan.signature.parameters, self.args, strict=False), *self.kwargs.items()]
        shown = [
            plan.logged[name].format(value) if name in plan.logged else "..."
            for name, value in named
        ]
        by_name = len(named) - len(self.kwargs)
        shown[by_name:] = [
            f"{name}={text}" for name, text in zip(self.kwargs, shown[by_name:], strict=True)
        ]
        return f"{self.function_name}({', '.join(shown)}){{{self.key}}}"

    def get_argument(self, parameter: str) -> Any:
        """What the caller gave for a parameter. Raises KeyError when that is nothing."""
        signature = get_signature(self.function)
        return signature.bind(*self.args, **self.kwargs).arguments[parameter]

    def general_labels(self) -> dict[str, str]:
        """What log records tell of every execution of the task."""
        return {"docket.task": self.function_name}

    def specific_labels(self) -> dict[str, str | int]:
        """What log records tell of this execution."""
        return {
            "docket.task": self.function_name,
            "docket.key": self.key,
            "docket.when": self.when.isoformat(),
            "docket.attempt": self.attempt,
        }

    def take(self, job: Job) -> None:
        """Take over what the engine knows about the job now."""
        running = job.state is not State.QUEUED
        self.state = state_of(job, self.docket.queue.clock.now())
        self.when = to_datetime(job.due_at)
        self.worker = job.lease.worker if job.lease else None
        if running and job.lease is None:
            self.worker = self.docket.queue.history.last_worker(job.id)
        self.started_at = to_datetime(job.started_at) if running and job.started_at else None
        self.completed_at = to_datetime(job.finished_at) if job.finished_at else None
        self.error = error_of(job)
        has_result = job.result is not None or job.state is State.DEAD
        self.result_key = f"{self.key}:{job.id}" if has_result else None
        self.landed(job)

    def landed(self, job: Job) -> None:
        """It is this job of the engine now."""
        vars(self)["generation"] = job.id

    async def sync(self) -> None:
        """Learn how things are now with the last job under this key.

        When nothing is known of it, because too long ago it ended, it is as if not yet run.
        """
        job = await self.docket.last_job(self.key)
        await self.progress.sync()
        if job is not None:
            self.take(job)
            return
        self.state = ExecutionState.SCHEDULED
        self.worker = self.started_at = self.completed_at = self.error = self.result_key = None

    async def schedule(
        self,
        replace: bool = False,
        reschedule_message: Any = None,
        expected_generation: int = 0,
    ) -> Disposition:
        """Schedule it at ``when`` under its key, as ``Docket.add`` does, or ``Docket.replace``.

        With ``reschedule_message`` the attempt that is in hand goes back, to be due at ``when``,
        unless another execution has taken the key meanwhile (SUPERSEDED).
        """
        if reschedule_message is not None and self.fate is not None:
            if await self.fate.is_superseded():
                self.disposition = Disposition.SUPERSEDED
            else:
                self.disposition = Disposition.SCHEDULED
                self.fate.again = self.docket.instant(self.when)
            return self.disposition
        await land(self.docket, (self,), replace=replace)
        return self.disposition

    async def is_superseded(self) -> bool:
        """Whether a later execution has the key."""
        jobs = await self.docket.jobs_under(self.key)
        return bool(jobs) and 0 < self.generation < jobs[-1].id

    async def claim(self, worker: str) -> bool:
        """Have it in hand as this worker would; False when a later one has the key."""
        return await claim_execution(self, worker)

    async def mark_as_completed(self, result_key: str | None = None) -> None:
        """End it as a success."""
        await end_execution(self, ExecutionState.COMPLETED)

    async def mark_as_failed(self, error: str | None = None, result_key: str | None = None) -> None:
        """End it as a failure."""
        await end_execution(self, ExecutionState.FAILED, error)

    async def mark_as_cancelled(self) -> None:
        """End it as cancelled."""
        await end_execution(self, ExecutionState.CANCELLED)

    async def get_result(
        self, *, timeout: timedelta | None = None, deadline: datetime | None = None
    ) -> Any:
        """Wait for the end, and return what the task returned.

        ``timeout`` and ``deadline`` limit the waiting; ValueError for both at once, TimeoutError
        when the limit is reached. Raises what the task raised, or ExecutionCancelled.
        """
        await wait_for_end(self, timeout, deadline)
        return await result_of(self)

    async def subscribe(
        self, *, ready: asyncio.Event | None = None
    ) -> AsyncIterator[StateEvent | ProgressEvent]:
        """How it stands now, how far it is, and then each change; it does not end by itself.

        ``ready`` is set when no change is missed any more.
        """
        async with aclosing(subscribe(self, ready)) as events:
            async for event in events:
                yield event

    @property
    def has_ended(self) -> bool:
        """Whether it was at one of its three ends when last looked at."""
        return self.state in ENDED
