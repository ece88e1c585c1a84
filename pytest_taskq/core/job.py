"""The records of the queue: a job, its lease, the names it holds, and how it failed.

Everything here is immutable; a change of a job is a new record (see ``transitions``).
All instants are integers: microseconds since the epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

__all__ = ["FINAL", "Failure", "Hold", "Job", "JobId", "Lease", "State", "moved", "with_id"]

JobId = int

NO_LABELS: Mapping[str, Any] = MappingProxyType({})


class State(StrEnum):
    """Where a job is in its life.

    *Scheduled*, *ready*, *retrying* and *stalled* are not states: they are ``due_at``, ``attempt``
    and the lease compared with now, so moving the clock moves no record.
    """

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    DEAD = "dead"
    CANCELLED = "cancelled"


FINAL = frozenset({State.SUCCEEDED, State.DEAD, State.CANCELLED})


class Lease(NamedTuple):
    """Who runs a job, and until when it is theirs.

    ``token`` is new for every claim. A worker that comes back after its lease was given to
    another one still shows the old token, and changes nothing.
    """

    worker: str
    token: int
    expires_at: int


class Hold(NamedTuple):
    """A name that a job holds while it is in one of the given states.

    At most ``limit`` jobs hold a name at once. With ``ordered``, a job takes the name only
    when no queued job that wants it comes before, by priority and then by age, whatever the
    other one waits for.
    """

    name: str
    during: frozenset[State]
    limit: int = 1
    ordered: bool = False


class Failure(NamedTuple):
    """How an attempt failed, as text, so that every store can keep it."""

    type_name: str
    message: str
    traceback: str


class Job(NamedTuple):
    """One call to be made, and all that is known about it.

    ``payload`` is opaque to core and stores. ``priority``: higher runs first. ``rank`` orders
    jobs of one priority and defaults to ``due_at``. ``attempt`` counts the attempts started.
    ``parent`` is the job whose task enqueued this one. ``labels`` belong to facades and users;
    the core never reads them.
    """

    task: str
    payload: str
    due_at: int
    id: JobId = 0
    state: State = State.QUEUED
    queue: str = "default"
    priority: int = 0
    rank: int | None = None
    key: str | None = None
    holds: tuple[Hold, ...] = ()
    labels: Mapping[str, Any] = NO_LABELS
    attempt: int = 0
    lease: Lease | None = None
    cancel_requested: bool = False
    failure: Failure | None = None
    result: str | None = None
    parent: JobId | None = None
    created_at: int = 0
    started_at: int | None = None
    finished_at: int | None = None
    version: int = 0

    def wants(self, state: State) -> tuple[Hold, ...]:
        """The holds this job has while it is in ``state``."""
        for hold in self.holds:
            if state not in hold.during:
                return tuple([hold for hold in self.holds if state in hold.during])
        return self.holds


def with_id(job: Job, job_id: JobId) -> Job:
    """The job under the number that a store gave it; a third of the cost of ``_replace``."""
    return Job._make((*job[:ID], job_id, *job[ID + 1 :]))


def moved(
    job: Job,
    state: State,
    lease: Lease | None,
    *,
    attempt: int,
    failure: Failure | None,
    result: str | None,
    started_at: int | None,
    finished_at: int | None,
) -> Job:
    """The next record of a job that changes its state; under half of the cost of ``_replace``."""
    return Job(
        job.task,
        job.payload,
        job.due_at,
        job.id,
        state,
        job.queue,
        job.priority,
        job.rank,
        job.key,
        job.holds,
        job.labels,
        attempt,
        lease,
        job.cancel_requested,
        failure,
        result,
        job.parent,
        job.created_at,
        started_at,
        finished_at,
        job.version + 1,
    )


ID = Job._fields.index("id")
