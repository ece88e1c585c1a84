"""What becomes of a job when it is finished or retried by hand, not by its worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_taskq.core import transitions
from pytest_taskq.core.job import Failure, Job, State
from pytest_taskq.core.outcome import Again, Cancelled, Failed, Outcome, Succeeded
from pytest_taskq.engine.locks import holds_of, others_of, queueing_lock_of
from pytest_taskq.procrastinate._records import (
    ABORT_REQUESTED,
    SCHEDULED,
    scheduled_at_of,
    status_of,
)
from pytest_taskq.procrastinate.exceptions import ConnectorException
from pytest_taskq.procrastinate.jobs import Status

__all__ = ["cancelled", "finished", "retried"]

BY_HAND = Failure("Exception", "finished by hand, through the job manager", "")

ENDS: dict[str, tuple[State, Outcome]] = {
    "succeeded": (State.SUCCEEDED, Succeeded()),
    "failed": (State.DEAD, Failed(BY_HAND)),
    "aborted": (State.CANCELLED, Cancelled("aborted")),
}


def cancelled(record: Job, abort: bool, now: int) -> Job:
    """The job cancelled, or asked to abort. Raises IllegalTransition for one that has ended."""
    after = transitions.cancel(record, now)
    if record.state is not State.QUEUED:
        return after
    labels = {**_labels_in_queue(record), **(ABORT_REQUESTED if abort else {})}
    return after._replace(labels=labels)


def finished(record: Job, status: Status, now: int) -> Job:
    """The job with its final status. Raises ConnectorException."""
    if status not in ENDS:
        raise ConnectorException(
            f"A job cannot be finished so. The status is {status!r}. Use succeeded, failed or "
            f"aborted; what waits is cancelled by cancel_job_by_id()."
        )
    state, outcome = ENDS[status]
    if record.state is State.RUNNING and record.lease is not None:
        after = transitions.finish(record, record.lease.token, outcome, now)
    elif record.state is State.QUEUED:
        after = record._replace(
            state=state,
            finished_at=now,
            labels=_labels_in_queue(record),
            version=record.version + 1,
        )
    else:
        raise ConnectorException(
            f"Job {record.id} cannot be finished. It is {status_of(record)}, and only one that "
            f"is doing or todo can. Look it up again."
        )
    return after._replace(cancel_requested=status is Status.ABORTED)


def retried(
    record: Job, at: int, priority: int | None, queue: str | None, lock: str | None, now: int
) -> Job:
    """The job back in its queue; failed, when somebody wanted it aborted.

    Raises ConnectorException for one that neither runs nor has failed.
    """
    holds = record.holds
    if lock is not None:
        holds = (*holds_of(lock, queueing_lock_of(record)), *others_of(record))
    again = Again(at, priority, queue=queue, holds=holds)
    if record.state is State.DEAD:
        back = transitions.requeue(record, now)
        return back._replace(
            attempt=record.attempt + 1,
            due_at=at,
            priority=record.priority if priority is None else priority,
            queue=record.queue if queue is None else queue,
            holds=holds,
        )
    if record.state is not State.RUNNING or record.lease is None:
        raise ConnectorException(
            f"Job {record.id} cannot be retried. It is {status_of(record)}, and only one that is "
            f"doing or failed can. Defer a new one."
        )
    token = record.lease.token
    if not record.cancel_requested:
        return transitions.finish(record, token, Failed(BY_HAND, again), now)
    failed = transitions.finish(record, token, Failed(BY_HAND), now)
    return failed._replace(attempt=failed.attempt - 1, labels={**failed.labels, **ABORT_REQUESTED})


def _labels_in_queue(record: Job) -> Mapping[str, Any]:
    """Those of a job that ends while it waits: its row still says until when it was to."""
    return record.labels if scheduled_at_of(record) is None else {**record.labels, **SCHEDULED}
