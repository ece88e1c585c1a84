"""What the tests of the suite do with a store, in a word each."""

from __future__ import annotations

from typing import Any

from pytest_taskq.core import transitions
from pytest_taskq.core.job import Failure, Hold, Job, JobId, Lease, State
from pytest_taskq.core.outcome import Again, Failed, Succeeded
from pytest_taskq.core.store import Change, JobQuery, Refusal, Store

__all__ = [
    "BOTH",
    "QUEUED",
    "RUNNING",
    "add",
    "add_each",
    "claim",
    "claimable",
    "fail",
    "free",
    "landed",
    "lock",
    "new",
    "numbers",
    "put",
    "put_each",
    "succeed",
]

QUEUED, RUNNING = frozenset({State.QUEUED}), frozenset({State.RUNNING})
BOTH = QUEUED | RUNNING


def new(task: str = "bake", due_at: int = 0, **fields: Any) -> Job:
    """A job that is not stored yet."""
    return Job(task=task, payload="[[],{}]", due_at=due_at, **fields)


def lock(name: str = "oven", limit: int = 1, *, ordered: bool = False) -> Hold:
    """A name that is held while its job runs."""
    return Hold(name, RUNNING, limit, ordered)


async def put(store: Store, after: Job, replacing: Job | None = None) -> Job | Refusal:
    """Make one change."""
    answers = await put_each(store, Change(after, replacing))
    return answers[0]


async def put_each(store: Store, *changes: Change) -> list[Job | Refusal]:
    """Make changes in one batch. What landed is answered as it was put, with its number."""
    answers = await store.put(changes)
    assert len(answers) == len(changes), f"{len(changes)} changes have {len(answers)} answers"
    for answer, (after, replacing) in zip(answers, changes, strict=True):
        if isinstance(answer, Job):
            wanted = after if replacing else after._replace(id=answer.id)
            assert answer == wanted, "the answer is not the record that was put"
    return answers


def landed(answer: Job | Refusal) -> Job:
    """The record of a change that must have landed."""
    assert isinstance(answer, Job), f"this change should have landed; the answer was {answer}"
    return answer


async def add(store: Store, due_at: int = 0, **fields: Any) -> Job:
    """Put a new job, which must land."""
    return landed(await put(store, new(due_at=due_at, **fields)))


async def add_each(store: Store, *jobs: Job) -> list[Job]:
    """Put new jobs in one batch, which must all land."""
    return [
        landed(answer) for answer in await put_each(store, *[Change(job, None) for job in jobs])
    ]


async def claim(store: Store, job: Job, token: int = 1, expires_at: int = 100) -> Job | Refusal:
    """Try to take a job for a worker."""
    return await put(store, transitions.claim(job, Lease("w", token, expires_at), 0), job)


async def succeed(store: Store, job: Job) -> Job:
    """Record that a running job succeeded."""
    token = job.lease.token if job.lease else 0
    return landed(await put(store, transitions.finish(job, token, Succeeded(), 1), job))


async def fail(store: Store, job: Job, again: Again | None = None) -> Job | Refusal:
    """Record that a running job failed; it is dead, or goes back to the queue."""
    token = job.lease.token if job.lease else 0
    outcome = Failed(Failure("Burnt", "black", ""), again)
    return await put(store, transitions.finish(job, token, outcome, 1), job)


async def free(store: Store, *holds: Hold) -> bool:
    """Whether a new job would get all these names; it is not kept."""
    answer = await put(store, new(task="probe", holds=holds))
    if isinstance(answer, Job):
        assert await store.delete([answer]) == [True]
    return isinstance(answer, Job)


async def numbers(store: Store, **query: Any) -> list[JobId]:
    """The numbers of the jobs that a query finds, in its order."""
    return [job.id for job in await store.find(JobQuery(**query))]


async def claimable(store: Store, due_by: int = 0, **query: Any) -> list[JobId]:
    """The numbers of the jobs that a worker would look at, in claim order."""
    ready = JobQuery(states=QUEUED, due_by=due_by, claimable=True, sort="claim")
    return [job.id for job in await store.find(ready._replace(**query))]
