"""Reads the engine's records in Procrastinate's words: statuses, locks, attempts, rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import Hold, Job, State
from pytest_taskq.core.payload import decode_call

__all__ = ["SCHEDULED", "attempts_of", "holds_of", "row_of", "status_of"]

QUEUED, RUNNING = frozenset({State.QUEUED}), frozenset({State.RUNNING})
LOCK, QUEUEING_LOCK = LOCKS = "lock:", "queueing_lock:"

SCHEDULED = {"scheduled": True}
"""The labels of a job that was deferred with a schedule: ``due_at`` alone cannot tell."""

_STATUSES = {
    State.QUEUED: "todo",
    State.RUNNING: "doing",
    State.SUCCEEDED: "succeeded",
    State.DEAD: "failed",
    State.CANCELLED: "cancelled",
}


def holds_of(lock: str | None, queueing_lock: str | None) -> tuple[Hold, ...]:
    """The names for these locks.

    A lock lets its jobs run one by one in strict order, whatever the earlier one waits for; a
    queueing lock lets one job wait.
    """
    holds = []
    if lock is not None:
        holds.append(Hold(LOCK + lock, RUNNING, ordered=True))
    if queueing_lock is not None:
        holds.append(Hold(QUEUEING_LOCK + queueing_lock, QUEUED))
    return tuple(holds)


def lock_of(record: Job) -> str | None:
    """The lock of a job."""
    return _name(record, LOCK)


def queueing_lock_of(record: Job) -> str | None:
    """The queueing lock of a job."""
    return _name(record, QUEUEING_LOCK)


def others_of(record: Job) -> tuple[Hold, ...]:
    """The names of a job that are no locks of the library."""
    return tuple([hold for hold in record.holds if not hold.name.startswith(LOCKS)])


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
    return to_datetime(record.due_at) if record.labels or retried else None


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
        "abort_requested": record.cancel_requested and record.state is State.RUNNING,
        "worker_id": record.lease.worker if record.lease else None,
    }


def _name(record: Job, prefix: str) -> str | None:
    for hold in record.holds:
        if hold.name.startswith(prefix):
            return hold.name.removeprefix(prefix)
    return None
