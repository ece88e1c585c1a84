"""Sees what goes through a real Docket: what is scheduled on it, and what its workers do.

Every execution, scheduled or run by whichever worker, is shown to the strike list first. There
it comes under watch itself.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from contextvars import ContextVar
from typing import Any

from pytest_taskq.adapters._docket_payload import payload_of
from pytest_taskq.adapters._docket_record import Record
from pytest_taskq.adapters._docket_watched import IN_HAND, Watched, not_seen
from pytest_taskq.adapters._patches import replaced
from pytest_taskq.core.instants import to_instant
from pytest_taskq.core.job import Failure, Job, JobId, State
from pytest_taskq.core.outcome import Cancelled, Failed, Succeeded
from pytest_taskq.engine.execute import describe_failure

__all__ = ["FRESH", "Watch"]

FRESH: ContextVar[bool] = ContextVar("taskq_fresh_key", default=False)
"""Whether nobody chose the key of what is scheduled now."""


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
            if not isinstance(target, Mapping) and self._is_new(target):
                Watched(self, target)
            return bool(is_stricken(target))

        self._undo.enter_context(replaced(strikes, "is_stricken", seeing))

    def _is_new(self, execution: Any) -> bool:
        return "claim" not in vars(execution) and not _is_librarys_own(execution)

    def landed(self, execution: Any) -> None:
        """Something was scheduled, or was refused."""
        in_hand = IN_HAND.get()
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
        """Ask the docket itself what became of a job that had not ended when it was last seen."""
        job = self.record.under(key)
        if job is None:
            return
        execution = await self.docket.get_execution(key)
        state = "cancelled" if execution is None else execution.state.value
        if job.state is State.RUNNING:
            # A worker that runs it says itself how it ends; one may have put it aside.
            if state == "cancelled" and not await self._is_running(key):
                self.record.end(job.id, Cancelled(), begun=False)
        elif state == "cancelled":
            self.record.cancel(job.id)
        elif state in {"completed", "failed"}:
            text = execution.error or "it says nothing"
            failure = None if state == "completed" else Failure("Exception", text, "")
            self.record.ended_unseen(job.id, failure, not_seen("a worker that was not watched"))

    async def _is_running(self, key: str) -> bool:
        snapshot = await self.docket.snapshot()
        return any(execution.key == key for execution in snapshot.running)

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
            if self.record.under(execution.key) is None and not _is_librarys_own(execution):
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


def _is_librarys_own(execution: Any) -> bool:
    """Whether a dependency of the library keeps house by it, such as for a limit."""
    return str(getattr(execution.function, "__module__", "")).startswith("docket.dependencies")
