"""Every change of a job's state, and nothing else.

Two rules. Whatever changes a job is one of the seven functions below, and each asks the table
first. Each function is pure: it gets the record, the facts and the instant, and returns the
next record; whether that record lands is for the store to say.
"""

from __future__ import annotations

from pytest_taskq.core.errors import IllegalTransition, LeaseLost
from pytest_taskq.core.job import Failure, Job, Lease, State, moved
from pytest_taskq.core.outcome import Again, Cancelled, Failed, Outcome, Snoozed, Succeeded

__all__ = [
    "TRANSITIONS",
    "cancel",
    "claim",
    "expire",
    "finish",
    "release",
    "renew",
    "requeue",
]

QUEUED, RUNNING, SUCCEEDED, DEAD, CANCELLED = State

NO_LIMIT = 2**30

TRANSITIONS: dict[str, dict[State, frozenset[State]]] = {
    "claim": {QUEUED: frozenset({RUNNING})},
    "renew": {RUNNING: frozenset({RUNNING})},
    "finish": {RUNNING: frozenset({SUCCEEDED, QUEUED, DEAD, CANCELLED})},
    "release": {RUNNING: frozenset({QUEUED, CANCELLED})},
    "expire": {RUNNING: frozenset({QUEUED, DEAD, CANCELLED})},
    "cancel": {QUEUED: frozenset({CANCELLED}), RUNNING: frozenset({RUNNING})},
    "requeue": {DEAD: frozenset({QUEUED}), CANCELLED: frozenset({QUEUED})},
}
"""What each verb may do: the state it starts from, and the states it may lead to."""


def claim(job: Job, lease: Lease, now: int) -> Job:
    """Give the job to a worker. Counts an attempt."""
    _check("claim", job)
    return moved(
        job,
        RUNNING,
        lease,
        attempt=job.attempt + 1,
        failure=job.failure,
        result=job.result,
        started_at=now,
        finished_at=job.finished_at,
    )


def renew(job: Job, token: int, expires_at: int) -> Job:
    """Prolong the lease. Raises LeaseLost when the token is not the present one."""
    lease = _own_lease("renew", job, token)
    return job._replace(lease=lease._replace(expires_at=expires_at), version=job.version + 1)


def finish(job: Job, token: int, outcome: Outcome, now: int) -> Job:
    """Record what the attempt reported. Raises LeaseLost when the token is not the present one.

    A job whose cancellation was requested is not retried: it ends cancelled.
    """
    _own_lease("finish", job, token)
    match outcome:
        case Succeeded(result):
            return _end(job, SUCCEEDED, now, None, result)
        case Failed(failure, again):
            if again is None:
                return _end(job, DEAD, now, failure)
            if job.cancel_requested:
                return _end(job, CANCELLED, now, failure)
            return _again(job, again)._replace(failure=failure)
        case Snoozed(until, _, rank, holds, counts):
            if job.cancel_requested:
                return _end(job, CANCELLED, now, job.failure)
            back = _again(job, Again(at=until, rank=rank, holds=holds))
            return back if counts else back._replace(attempt=job.attempt - 1)
        case Cancelled():
            return _end(job, CANCELLED, now, job.failure)


def release(job: Job, token: int, now: int, *, shared: frozenset[str] = frozenset()) -> Job:
    """Put the job back untouched, as a worker does that has to stop. The attempt is given back.

    ``shared``: names that it let go while it ran and that others have taken meanwhile; it holds
    them beside those.
    """
    _own_lease("release", job, token)
    if job.cancel_requested:
        return _end(job, CANCELLED, now, job.failure)
    holds = tuple(
        [hold._replace(limit=NO_LIMIT) if hold.name in shared else hold for hold in job.holds]
    )
    return _again(job, Again(at=job.due_at, holds=holds))._replace(attempt=job.attempt - 1)


def expire(job: Job, now: int, again: Again | None) -> Job:
    """Take the job from a worker that let its lease lapse. The attempt counts.

    ``again`` None means that the job has used up its attempts: it is dead. Raises
    IllegalTransition while the lease still runs.
    """
    _check("expire", job)
    if job.lease is not None and job.lease.expires_at > now:
        raise IllegalTransition(
            f"Job {job.id} cannot expire. Its lease runs until {job.lease.expires_at} and it is "
            f"{now}. Wait for the lease to lapse, or cancel the job."
        )
    if job.cancel_requested:
        return _end(job, CANCELLED, now, job.failure)
    worker = job.lease.worker if job.lease is not None else "?"
    lapsed = Failure("LeaseLapsed", f"worker {worker!r} stopped renewing its lease", "")
    if again is None:
        return _end(job, DEAD, now, lapsed)
    return _again(job, again)._replace(failure=lapsed)


def cancel(job: Job, now: int) -> Job:
    """Cancel a queued job, or ask the worker of a running one to stop it."""
    _check("cancel", job)
    if job.state is QUEUED:
        return _end(job, CANCELLED, now, job.failure)
    return job._replace(cancel_requested=True, version=job.version + 1)


def requeue(job: Job, now: int) -> Job:
    """Start a new series of attempts for a dead or cancelled job."""
    _check("requeue", job)
    return job._replace(
        state=QUEUED,
        due_at=now,
        attempt=0,
        cancel_requested=False,
        finished_at=None,
        version=job.version + 1,
    )


def _check(verb: str, job: Job) -> None:
    allowed = TRANSITIONS[verb]
    if job.state not in allowed:
        raise IllegalTransition(
            f"Job {job.id} ({job.task}) cannot {verb}. It is {job.state}, and only a job that is "
            f"{' or '.join(sorted(allowed))} can. Look it up again before you decide."
        )


def _own_lease(verb: str, job: Job, token: int) -> Lease:
    lease = job.lease
    if lease is None or lease.token != token or job.state is not RUNNING:
        holder = f"worker {lease.worker!r}" if lease else "nobody"
        raise LeaseLost(
            f"Job {job.id} ({job.task}) cannot {verb} under this lease. It is {job.state} and "
            f"leased by {holder}. Drop the outcome: it is not this worker's to report any more."
        )
    return lease


def _end(
    job: Job, state: State, now: int, failure: Failure | None, result: str | None = None
) -> Job:
    return moved(
        job,
        state,
        None,
        attempt=job.attempt,
        failure=failure,
        result=result,
        started_at=job.started_at,
        finished_at=now,
    )


def _again(job: Job, again: Again) -> Job:
    return job._replace(
        state=QUEUED,
        lease=None,
        due_at=again.at,
        priority=job.priority if again.priority is None else again.priority,
        rank=job.rank if again.rank is None else again.rank,
        queue=job.queue if again.queue is None else again.queue,
        holds=job.holds if again.holds is None else again.holds,
        version=job.version + 1,
    )
