"""The engine's records as rows of Procrastinate's table of jobs, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import Hold, Job, State
from pytest_taskq.core.payload import decode_call

__all__ = [
    "ABORTED",
    "SCHEDULED",
    "holds_of",
    "lock_of",
    "others_of",
    "queueing_lock_of",
    "row_of",
    "status_of",
    "with_label",
]

QUEUED, RUNNING = frozenset({State.QUEUED}), frozenset({State.RUNNING})
LOCK, QUEUEING_LOCK = LOCKS = "lock:", "queueing_lock:"

SCHEDULED = "scheduled"
"""The label of a job that has a schedule: ``due_at`` alone cannot tell."""
ABORTED = "aborted"
"""The label of a job that ended aborted, and not cancelled."""

_STATUSES = {
    State.QUEUED: "todo",
    State.RUNNING: "doing",
    State.SUCCEEDED: "succeeded",
    State.DEAD: "failed",
    State.CANCELLED: "cancelled",
}


def holds_of(lock: str | None, queueing_lock: str | None) -> tuple[Hold, ...]:
    """The names for these locks: the one runs its jobs in strict order, the other lets one wait."""
    if lock is None and queueing_lock is None:
        return ()
    ordered = () if lock is None else (Hold(LOCK + lock, RUNNING, ordered=True),)
    single = () if queueing_lock is None else (Hold(QUEUEING_LOCK + queueing_lock, QUEUED),)
    return ordered + single


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
    """The status of a job."""
    return "aborted" if record.labels.get(ABORTED) else _STATUSES[record.state]


def with_label(record: Job, label: str) -> Mapping[str, Any]:
    """The labels of a job and this one."""
    return {**record.labels, label: True}


def row_of(record: Job, worker_id: int | None) -> dict[str, Any]:
    """The row of a job, its arguments a fresh copy. ``worker_id``: who has it, or had it last."""
    scheduled = record.labels.get(SCHEDULED)
    return {
        "id": record.id,
        "queue_name": record.queue,
        "task_name": record.task,
        "priority": record.priority,
        "lock": _name(record, LOCK),
        "queueing_lock": _name(record, QUEUEING_LOCK),
        "args": decode_call(record.payload)[1],
        "status": status_of(record),
        "scheduled_at": to_datetime(record.due_at) if scheduled else None,
        "attempts": record.attempt - (record.state is State.RUNNING),
        "abort_requested": record.cancel_requested,
        "worker_id": worker_id,
    }


def _name(record: Job, prefix: str) -> str | None:
    for hold in record.holds:
        if hold.name.startswith(prefix):
            return hold.name.removeprefix(prefix)
    return None
