"""Sees what goes through a real Docket: what is scheduled on it, and what its workers do.

Every execution, scheduled or run by whichever worker, is shown to the strike list first. There
its public methods, by which it changes its state, are replaced on the one object.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from contextvars import ContextVar
from typing import Any

from pytest_taskq.adapters._docket_payload import payload_of
from pytest_taskq.adapters._docket_record import Record
from pytest_taskq.adapters._patches import replaced
from pytest_taskq.core.instants import to_instant
from pytest_taskq.core.job import Failure, Job, JobId, State
from pytest_taskq.core.outcome import Again, Cancelled, Failed, Succeeded
from pytest_taskq.core.payload import Unavailable, encode_result, encode_value
from pytest_taskq.engine.execute import describe_failure

__all__ = ["FRESH", "Watch"]

FRESH: ContextVar[bool] = ContextVar("taskq_fresh_key", default=False)
"""Whether nobody chose the key of what is scheduled now."""

_IN_HAND: ContextVar[tuple[Record, JobId] | None] = ContextVar("taskq_docket_job", default=None)


class Watch:
    """Keeps a record of a docket until ``close``.

    ``blocked``: the exception by which the library says that a task must not begin yet.
    """

    def __init__(self, docket: Any, record: Record, blocked: type[BaseException]) -> None:
        self.docket = docket
        self.record = record
        self.blocked = blocked
        self._strikes: Any = None
        self._undo = ExitStack()
        self._keys: set[str] = set()
        for name in ("add", "replace", "call"):
            self._replace(name, self._curried(name))
        for name in ("add_many", "replace_many"):
            self._replace(name, self._many(getattr(docket, name)))
        for name, then in (
            ("schedule", None),
            ("wait_for_strikes_loaded", None),
            ("cancel", self.look_again),
            ("clear", self.look_at_all),
        ):
            self._replace(name, self._listening(getattr(docket, name), then))
        self.listen()

    def close(self) -> None:
        """Give the docket its own methods back."""
        self._undo.close()

    def listen(self) -> None:
        """Hear of the executions; the docket has its strike list from when it is opened."""
        strikes = getattr(self.docket, "strike_list", None)
        if strikes is None or strikes is self._strikes:
            return
        self._strikes = strikes
        is_stricken = strikes.is_stricken

        def seeing(target: Any) -> bool:
            if not isinstance(target, Mapping) and "claim" not in vars(target):
                _Watched(self, target)
            return bool(is_stricken(target))

        self._undo.enter_context(replaced(strikes, "is_stricken", seeing))

    def landed(self, execution: Any) -> None:
        """Something was scheduled, or was refused."""
        in_hand = _IN_HAND.get()
        parent = in_hand[1] if in_hand is not None and in_hand[0] is self.record else None
        verdict = execution.disposition.value
        if verdict == "scheduled":
            self.found(execution, parent=parent)
        elif verdict == "superseded" and parent is not None:
            # A perpetual task gave way to a newer schedule, and ends without another word.
            error = sys.exception()
            outcome = Succeeded() if error is None else Failed(describe_failure(error))
            self.record.end(parent, outcome, error, begun=True)

    def found(self, execution: Any, *, parent: JobId | None = None) -> Job:
        """An execution is in the docket."""
        return self.record.enqueue(
            execution.function_name,
            payload_of(execution),
            to_instant(execution.when),
            execution.key,
            fresh=FRESH.get() or execution.key in self._keys,
            parent=parent,
            attempt=execution.attempt,
        )

    async def look_again(self, key: str) -> None:
        """Ask the docket itself what became of a job that waited when it was last seen."""
        job = self.record.under(key)
        if job is None or job.state is not State.QUEUED:
            return
        execution = await self.docket.get_execution(key)
        state = "cancelled" if execution is None else execution.state.value
        if state == "cancelled":
            self.record.cancel(job.id)
        elif state in {"completed", "failed"}:
            text = execution.error or "it says nothing"
            failure = None if state == "completed" else Failure("Exception", text, "")
            self.record.ended_unseen(job.id, failure, not_seen("a worker that was not watched"))

    async def look_at_all(self, *_: object) -> None:
        """Ask of every job that waits."""
        for job in self.record.jobs():
            if job.state is State.QUEUED and job.key is not None:
                await self.look_again(job.key)

    async def catch_up(self) -> None:
        """Learn of what other Docket objects did, or this one before it was watched."""
        self.listen()
        await self.look_at_all()
        snapshot = await self.docket.snapshot()
        for execution in [*snapshot.future, *snapshot.running]:
            if self.record.under(execution.key) is None:
                job = self.found(execution)
                if execution.state.value == "running":
                    self.record.begin(job, execution.attempt, execution.worker or "?")

    def _replace(self, name: str, value: object) -> None:
        self._undo.enter_context(replaced(self.docket, name, value))

    def _curried(self, name: str) -> Callable[..., Any]:
        original = getattr(self.docket, name)

        def curried(function: Any, when: Any = None, key: str | None = None) -> Any:
            self.listen()
            scheduler = original(function, when, key)

            async def schedule(*args: Any, **kwargs: Any) -> Any:
                token = FRESH.set(key is None)
                try:
                    return await scheduler(*args, **kwargs)
                finally:
                    FRESH.reset(token)

            def specify(*args: Any, **kwargs: Any) -> Any:
                call = scheduler(*args, **kwargs)
                if key is None:
                    self._keys.add(call.key)
                return call

            return specify if name == "call" else schedule

        return curried

    def _many(self, original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def many(*args: Any, **kwargs: Any) -> Any:
            self.listen()
            executions = await original(*args, **kwargs)
            for execution in executions:
                self.landed(execution)
            return executions

        return many

    def _listening(
        self,
        original: Callable[..., Awaitable[Any]],
        then: Callable[..., Awaitable[None]] | None,
    ) -> Callable[..., Awaitable[Any]]:
        async def listening(*args: Any, **kwargs: Any) -> Any:
            self.listen()
            answer = await original(*args, **kwargs)
            if then is not None:
                await then(*args, **kwargs)
            return answer

        return listening


class _Watched:
    """One execution, whose changes are recorded as they land."""

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
        _IN_HAND.set((self._record, job.id))
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
