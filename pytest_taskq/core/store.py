"""The Store protocol, and what a query means.

A store remembers. It compares versions and keeps names exclusive, and knows no rule of the
queue: not what a retry is, nor when a lease lapses. ``JobQuery.matches`` and ``JobQuery.order``
*are* the meaning of ``find``; a store may answer faster, never differently.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import Context, ContextVar, copy_context
from typing import Literal, NamedTuple, Protocol

from pytest_taskq.core.job import Job, JobId, State

__all__ = [
    "EVERYTHING",
    "LIMITED",
    "Change",
    "JobQuery",
    "Refusal",
    "Store",
    "claim_order",
    "line_order",
    "own_limit",
    "outlasting",
    "ready_query",
]

LIMITED: ContextVar[bool] = ContextVar("taskq_limited", default=False)
"""Whether who calls a store ends the call by itself when it takes too long."""


class Change(NamedTuple):
    """A record to write in place of the one it was decided on; None: a new job."""

    after: Job
    replacing: Job | None


class Refusal(NamedTuple):
    """Why a change did not land.

    ``name`` is the exclusive name that is taken, ``holder`` who has it; with ``name`` None the
    stored version was not the one to be replaced: somebody was faster.
    """

    name: str | None = None
    holder: JobId | None = None


def claim_order(job: Job) -> tuple[int, int, int]:
    """The order in which jobs are claimed: priority, then rank (the due instant), then age."""
    return (-job.priority, job.due_at if job.rank is None else job.rank, job.id)


def line_order(job: Job) -> tuple[int, JobId]:
    """Who has an ordered name first: priority, then age, whenever a job is due."""
    return (-job.priority, job.id)


class JobQuery(NamedTuple):
    """Which jobs, in which order. Bounds are instants; None means no condition."""

    states: frozenset[State] = frozenset(State)
    queues: frozenset[str] | None = None
    tasks: frozenset[str] | None = None
    key: str | None = None
    due_by: int | None = None  # inclusive
    due_after: int | None = None  # exclusive
    lease_expired_by: int | None = None  # inclusive
    claimable: bool = False  # the names it would hold while running are free
    sort: Literal["claim", "due", "id", "lease"] = "id"
    after: Job | None = None  # the last one of the page before
    limit: int | None = None

    def matches(self, job: Job) -> bool:
        """Whether the record alone satisfies the query; ``claimable`` needs the store's names."""
        return (
            job.state in self.states
            and (self.queues is None or job.queue in self.queues)
            and (self.tasks is None or job.task in self.tasks)
            and (self.key is None or job.key == self.key)
            and (self.due_by is None or job.due_at <= self.due_by)
            and (self.due_after is None or job.due_at > self.due_after)
            and (
                self.lease_expired_by is None
                or (job.lease is not None and job.lease.expires_at <= self.lease_expired_by)
            )
            and (self.after is None or self.order(job) > self.order(self.after))
        )

    def order(self, job: Job) -> tuple[int, ...]:
        """The sort key of a job in the answer."""
        if self.sort == "claim":
            return claim_order(job)
        if self.sort == "due":
            return (job.due_at, job.id)
        if self.sort == "lease":
            return (job.lease.expires_at if job.lease else 0, job.id)
        return (job.id,)


EVERYTHING = JobQuery()


def ready_query(
    queues: frozenset[str] | None, due_by: int, limit: int, after: Job | None = None
) -> JobQuery:
    """What a worker asks for: due, free to run, and in the order of claims.

    By position, for a query by names costs thrice as much, and this one is asked for each job.
    """
    return JobQuery(QUEUED, queues, None, None, due_by, None, None, True, "claim", after, limit)


QUEUED = frozenset({State.QUEUED})


def outlasting() -> Context:
    """A context for what begins in a call and goes on after it, when no caller limits it."""
    context = copy_context()
    context.run(LIMITED.set, False)
    return context


def own_limit(seconds: float) -> float | None:
    """How long a store may wait for its server; None where its caller limits that already.

    A limit of the store's own is told by the loop, whose time may jump while the call is made.
    """
    return None if LIMITED.get() else seconds


class Store(Protocol):
    """Remembers jobs. Reads no clock: every instant comes in with a record or a query.

    What the store itself cannot do (its server is gone, its disk is full) raises
    ``StoreUnavailable``, never an error of a driver. An object may be used from several loops
    and threads.
    """

    @property
    def immediate(self) -> bool:
        """Whether no method ever suspends: then sync code needs no loop to use the store."""
        ...

    async def put(self, changes: Sequence[Change]) -> list[Job | Refusal]:
        """Write a batch, in order; each change lands or is refused atomically and on its own.

        A change lands when the stored version is the one of ``replacing`` (None: a new job,
        which gets its id here, ascending) and every name that ``after`` holds in its state is
        free. The answer has, for each change, the record as stored or the refusal.
        """
        ...

    async def get(self, job_id: JobId) -> Job | None:
        """The job as last put."""
        ...

    async def find(self, query: JobQuery) -> list[Job]:
        """Every job the query matches, in its order, at most ``query.limit``."""
        ...

    async def unfinished(self) -> bool:
        """Whether any job is queued or running: what a run asks that may be at its end."""
        ...

    async def delete(self, jobs: Sequence[Job]) -> list[bool]:
        """Forget exactly these versions; False for one that is stored differently or not at all."""
        ...

    async def clear(self) -> None:
        """Forget every job; the next new one is number 1 again."""
        ...

    def watch(self, changed: Callable[[], None]) -> AbstractAsyncContextManager[None]:
        """While entered, call ``changed`` on this loop soon after any handle's change has landed.

        A call too many is allowed, and one for several changes; a change that nobody is told of
        is not.
        """
        ...

    async def aclose(self) -> None:
        """Give back what this handle has open. Keeps the jobs. A second call does nothing."""
        ...
