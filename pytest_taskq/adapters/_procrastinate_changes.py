"""What Procrastinate's database makes of a job when it is finished, retried or cancelled.

Each function returns the next record, or raises Refused with the database's own complaint.
"""

from __future__ import annotations

from pytest_taskq.adapters._procrastinate_rows import SCHEDULED, with_label, with_status
from pytest_taskq.core import transitions
from pytest_taskq.core.job import Failure, Job, State
from pytest_taskq.core.outcome import Again, Cancelled, Failed, Outcome, Succeeded
from pytest_taskq.core.payload import encode_result
from pytest_taskq.engine.locks import holds_of, others_of, queueing_lock_of

__all__ = [
    "ENDS",
    "NOT_TOLD",
    "NothingFound",
    "Refused",
    "cancelled",
    "finished",
    "forced",
    "outcome_of",
    "retried",
    "with_lock",
]

NOT_TOLD = Failure("Exception", "the task raised; its worker did not say what", "")

ENDS = {"succeeded": State.SUCCEEDED, "failed": State.DEAD, "aborted": State.CANCELLED}


class Refused(Exception):
    """The database of production would refuse this."""


class NothingFound(Exception):
    """A query that was to find something found nothing."""


def finished(record: Job, status: str, outcome: Outcome, now: int) -> Job:
    """The job as it ends. One that never ran may be finished too, without an attempt."""
    if status not in ENDS:
        raise Refused(
            f'End status should be either "succeeded", "failed" or "aborted" (job id: {record.id})'
        )
    if record.state is State.RUNNING and record.lease is not None:
        after = transitions.finish(record, record.lease.token, outcome, now)
    elif record.state is State.QUEUED:
        after = record._replace(state=ENDS[status], finished_at=now, version=record.version + 1)
    else:
        raise _not_found("doing", record)
    if status == "aborted":
        after = with_status(after, after.state, status)
    return after._replace(cancel_requested=False) if record.cancel_requested else after


def with_lock(record: Job, again: Again, lock: str | None) -> Again:
    """The decision, with what the job is to hold; ``lock`` None leaves that as it is."""
    if lock is None:
        return again._replace(holds=record.holds)
    return again._replace(holds=(*holds_of(lock, queueing_lock_of(record)), *others_of(record)))


def retried(record: Job, again: Again, failure: Failure, now: int) -> Job:
    """The job back in its queue; failed, if somebody wanted it aborted meanwhile."""
    if record.state is State.DEAD:
        after = transitions.requeue(record, now)._replace(attempt=record.attempt + 1)
        return _moved(after, again)
    if record.state is not State.RUNNING or record.lease is None:
        raise Refused(f"Job was not found or has an invalid status to retry (job id: {record.id})")
    token = record.lease.token
    if record.cancel_requested:
        # The database leaves the number of attempts and the request as they were.
        after = transitions.finish(record, token, Failed(failure), now)
        return after._replace(attempt=record.attempt - 1)
    after = transitions.finish(record, token, Failed(failure, again), now)
    return after._replace(labels=with_label(record, SCHEDULED))


def cancelled(record: Job, abort: bool, now: int) -> Job:
    """The job cancelled, or asked to abort. Raises IllegalTransition for one that has ended."""
    return transitions.cancel(record, now)._replace(cancel_requested=abort)


def forced(record: Job, status: str, now: int, again: Again | None = None) -> Job:
    """The job ended or to be run ``again``, whatever it was: the shipped connector asks nobody."""
    state = State.QUEUED if again is not None else ENDS.get(status, State.CANCELLED)
    after = with_status(record, state, status)._replace(
        finished_at=now if again is None else None,
        lease=None,
        attempt=record.attempt + (record.state is not State.RUNNING),
        cancel_requested=False,
        version=record.version + 1,
    )
    return after if again is None else _moved(after, again)


def _moved(record: Job, again: Again) -> Job:
    """The job where and when it is to run again."""
    return record._replace(
        due_at=again.at,
        priority=record.priority if again.priority is None else again.priority,
        queue=record.queue if again.queue is None else again.queue,
        holds=record.holds if again.holds is None else again.holds,
        labels=with_label(record, SCHEDULED),
    )


def outcome_of(status: str, failure: Failure, result: object = None) -> Outcome:
    """What an attempt reported that ended so."""
    if status == "succeeded":
        return Succeeded(None if result is None else encode_result(result))
    return Failed(failure) if status == "failed" else Cancelled("aborted")


def _not_found(status: str, record: Job) -> Refused:
    return Refused(f'Job was not found or not in "{status}" or "todo" status (job id: {record.id})')
