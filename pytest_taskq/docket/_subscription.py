"""What subscribers of an execution are told, from the history of its queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import Job, State
from pytest_taskq.docket._board import board_of
from pytest_taskq.docket._states import (
    ExecutionState,
    ProgressEvent,
    StateEvent,
    error_of,
    state_of,
)

if TYPE_CHECKING:
    from pytest_taskq.docket.execution import Execution

__all__ = ["subscribe"]

SILENT = frozenset({"renew", "late"})


async def subscribe(
    execution: Execution, ready: asyncio.Event | None
) -> AsyncGenerator[StateEvent | ProgressEvent]:
    """See ``Execution.subscribe``."""
    key = execution.key
    await execution.sync()
    shown: list[StateEvent | ProgressEvent] = [state_event(execution), execution.progress.event()]
    for event in shown:
        yield event
    with board_of(execution.docket.queue).told(key) as told:
        # What changed while the caller looked at those two is told by another look.
        await execution.sync()
        if ready is not None:
            ready.set()
        for event in (state_event(execution), execution.progress.event()):
            if event not in shown:
                yield event
        newest, last = execution.generation, execution.state
        while True:
            news = await told.get()
            if isinstance(news, dict):
                yield news
                continue
            job = news.job
            if news.verb in SILENT or job.id < newest:
                continue
            newest = job.id
            if job.state is State.RUNNING and last is ExecutionState.SCHEDULED:
                yield _of_job(job, ExecutionState.QUEUED)  # it became due, which is no event
            if news.verb == "cancel" and job.state is State.RUNNING:
                continue  # it was asked to stop, and says itself when it has
            last = state_of(job, news.at)
            yield _of_job(job, last)


def state_event(execution: Execution) -> StateEvent:
    """How an execution says it stands."""
    started, completed = execution.started_at, execution.completed_at
    return {
        "type": "state",
        "key": execution.key,
        "state": execution.state,
        "when": execution.when.isoformat(),
        "worker": execution.worker,
        "started_at": started.isoformat() if started else None,
        "completed_at": completed.isoformat() if completed else None,
        "error": execution.error,
    }


def _of_job(job: Job, state: ExecutionState) -> StateEvent:
    begun = state not in {ExecutionState.QUEUED, ExecutionState.SCHEDULED}
    return {
        "type": "state",
        "key": job.key or "",
        "state": state,
        "when": to_datetime(job.due_at).isoformat(),
        "worker": job.lease.worker if job.lease and begun else None,
        "started_at": _iso(job.started_at) if begun else None,
        "completed_at": _iso(job.finished_at),
        "error": error_of(job),
    }


def _iso(instant: int | None) -> str | None:
    return None if instant is None else to_datetime(instant).isoformat()
