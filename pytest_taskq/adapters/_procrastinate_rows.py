"""The engine's records as rows of Procrastinate's table of jobs, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import Job, State
from pytest_taskq.core.payload import decode_call
from pytest_taskq.engine.locks import lock_of, queueing_lock_of

__all__ = ["SCHEDULED", "STATUSES", "row_of", "status_of", "with_label", "with_status"]

SCHEDULED = "scheduled"
"""The label of a job that has a schedule: ``due_at`` alone cannot tell."""
STATUS = "status"
"""The label of a job whose state does not tell its status: one that ended aborted."""

STATUSES = {
    State.QUEUED: "todo",
    State.RUNNING: "doing",
    State.SUCCEEDED: "succeeded",
    State.DEAD: "failed",
    State.CANCELLED: "cancelled",
}


def status_of(record: Job) -> str:
    """The status of a job."""
    status: str = record.labels.get(STATUS) or STATUSES[record.state]
    return status


def with_status(record: Job, state: State, status: str) -> Job:
    """The job in a state, told as this status."""
    labels = {label: value for label, value in record.labels.items() if label != STATUS}
    if status != STATUSES[state]:
        labels[STATUS] = status
    return record._replace(state=state, labels=labels)


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
        "lock": lock_of(record),
        "queueing_lock": queueing_lock_of(record),
        "args": decode_call(record.payload)[1],
        "status": status_of(record),
        "scheduled_at": to_datetime(record.due_at) if scheduled else None,
        "attempts": record.attempt - (record.state is State.RUNNING),
        "abort_requested": record.cancel_requested,
        "worker_id": worker_id,
    }
