"""Sees what becomes of one real execution, by the public methods that change its state."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from pytest_taskq.adapters._docket_record import Record
from pytest_taskq.core.instants import to_instant
from pytest_taskq.core.job import Failure, JobId
from pytest_taskq.core.outcome import Again, Cancelled, Failed, Succeeded
from pytest_taskq.core.payload import Unavailable, encode_result, encode_value
from pytest_taskq.engine.execute import describe_failure

if TYPE_CHECKING:
    from pytest_taskq.adapters._docket_watch import Watch

__all__ = ["IN_HAND", "Watched", "not_seen"]

IN_HAND: ContextVar[tuple[Record, JobId] | None] = ContextVar("taskq_docket_job", default=None)
"""The job whose task runs now."""


class Watched:
    """One execution: its methods are replaced on this very object, and record what lands."""

    def __init__(self, watch: Watch, execution: Any) -> None:
        self._watch = watch
        self._record = watch.record
        self._execution = execution
        self._job: JobId | None = None
        own = type(execution)
        for name in (
            "schedule",
            "claim",
            "mark_as_completed",
            "mark_as_failed",
            "mark_as_cancelled",
        ):
            setattr(self, f"_{name}", getattr(own, name).__get__(execution))
            setattr(execution, name, getattr(self, name))

    _schedule: Callable[..., Awaitable[Any]]
    _claim: Callable[..., Awaitable[Any]]
    _mark_as_completed: Callable[..., Awaitable[None]]
    _mark_as_failed: Callable[..., Awaitable[None]]
    _mark_as_cancelled: Callable[..., Awaitable[None]]

    async def claim(self, worker: str) -> Any:
        """The worker takes it, unless it was cancelled or replaced."""
        taken = await self._claim(worker)
        key = self._execution.key
        if not taken:
            await self._watch.look_again(key)
            return taken
        job = self._record.under(key) or self._watch.found(self._execution)
        self._record.begin(job, self._execution.attempt, worker)
        self._job = job.id
        IN_HAND.set((self._record, job.id))
        return taken

    async def schedule(self, *args: Any, **kwargs: Any) -> Any:
        """It is put into the docket: as a job, or once more after an attempt."""
        error = sys.exception()
        verdict = await self._schedule(*args, **kwargs)
        if self._job is None:
            self._watch.landed(self._execution)
            return verdict
        at = to_instant(self._execution.when)
        job, self._job = self._job, None
        if error is None or isinstance(error, self._watch.blocked):
            self._record.put_back(job, at)
        else:
            again = None if verdict.value == "superseded" else Again(at)
            self._record.end(job, Failed(describe_failure(error), again), error, begun=True)
        return verdict

    async def mark_as_completed(self, result_key: str | None = None) -> None:
        """The task has returned."""
        await self._mark_as_completed(result_key)
        if self._job is not None:
            result = await self._result(result_key)
            self._record.end(self._job, Succeeded(result), begun=True)

    async def mark_as_failed(self, error: str | None, result_key: str | None = None) -> None:
        """The task has raised, and is not tried again."""
        raised = sys.exception() if error is not None else None
        await self._mark_as_failed(error, result_key)
        if self._job is None:
            return
        failure = Failure("Exception", error or "a handler of failures took it, and ended it", "")
        if raised is not None:
            failure = describe_failure(raised)
        self._record.end(self._job, Failed(failure), raised, begun=True)

    async def mark_as_cancelled(self) -> None:
        """It was cancelled while it ran, or was not let begin."""
        dropped = isinstance(sys.exception(), self._watch.blocked)
        await self._mark_as_cancelled()
        holder = self._record.under(self._execution.key) if self._job is None else None
        job = self._job if holder is None else holder.id
        if job is not None:
            self._record.end(job, Cancelled(), begun=self._job is not None and not dropped)

    async def _result(self, result_key: str | None) -> str | None:
        """What the task returned, from where the library keeps it."""
        docket = self._watch.docket
        if result_key is None:
            return None if docket.execution_ttl else not_seen("execution_ttl is zero")
        ended = await docket.get_execution(self._execution.key)
        if ended is None or ended.state.value != "completed":
            return not_seen("another run has taken its key")
        try:
            return encode_result(await ended.get_result())
        except Exception as error:  # noqa: BLE001 - the task has succeeded, whatever it returned
            return not_seen(f"it cannot be read back: {type(error).__name__}")


def not_seen(why: str) -> str:
    """A result that Docket does not show, as text."""
    return encode_value(Unavailable("?", f"not observable here: {why}"))
