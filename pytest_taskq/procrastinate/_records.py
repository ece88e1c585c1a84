"""Reads the engine's records in Procrastinate's words: statuses, locks, attempts, rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import Job, State
from pytest_taskq.core.outcome import Cancelled
from pytest_taskq.core.payload import decode_call
from pytest_taskq.engine.locks import lock_of, queueing_lock_of

__all__ = [
    "ABORT_REQUESTED",
    "OF_ITSELF",
    "SCHEDULED",
    "attempts_of",
    "row_of",
    "scheduled_at_of",
    "status_of",
]

SCHEDULED = {"scheduled": True}
"""The labels of a job that was deferred with a schedule: ``due_at`` alone cannot tell."""
ABORT_REQUESTED = {"abort_requested": True}
"""Those of a job that was cancelled while it waited, with a request to abort it too."""
OF_ITSELF = Cancelled("aborted")
"""Told with the request to abort that nobody made: a job that aborts itself ends as if asked to."""

_STATUSES = {
    State.QUEUED: "todo",
    State.RUNNING: "doing",
    State.SUCCEEDED: "succeeded",
    State.DEAD: "failed",
    State.CANCELLED: "cancelled",
}


def status_of(record: Job) -> str:
    """The status of a job; one that was cancelled while it ran is aborted."""
    if record.state is State.CANCELLED and record.cancel_requested:
        return "aborted"
    return _STATUSES[record.state]


def attempts_of(record: Job) -> int:
    """How many runs of the job have ended."""
    return record.attempt - (record.state is State.RUNNING)


def scheduled_at_of(record: Job) -> datetime | None:
    """The instant a job was scheduled for, or is to be retried at; None if it never was."""
    retried = record.attempt > (record.state is not State.QUEUED)
    return to_datetime(record.due_at) if record.labels.get("scheduled") or retried else None


def row_of(record: Job) -> dict[str, Any]:
    """The row that the library's table of jobs would have. ``worker_id`` is the worker's name."""
    return {
        "id": record.id,
        "queue_name": record.queue,
        "task_name": record.task,
        "priority": record.priority,
        "lock": lock_of(record),
        "queueing_lock": queueing_lock_of(record),
        "args": decode_call(record.payload)[1],
        "status": status_of(record),
        "scheduled_at": scheduled_at_of(record),
        "attempts": attempts_of(record),
        "abort_requested": (record.cancel_requested and record.state is State.RUNNING)
        or record.labels.get("abort_requested", False),
        "worker_id": record.lease.worker if record.lease else None,
    }
