"""What was seen of the jobs of a real Docket: their records as they are now, and their history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from types import MappingProxyType
from typing import Any

from pytest_taskq.core.job import FINAL, NO_LABELS, Failure, Job, JobId, State
from pytest_taskq.core.outcome import Cancelled, Failed, Outcome, Succeeded
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.history import History

__all__ = ["Record", "nobody"]

FRESH_KEY = MappingProxyType({"fresh_key": True})
"""The label of a job whose key nobody chose."""


class Record:
    """The jobs in the order in which they were enqueued.

    An attempt is told of in the history when it has done something or ended, and not before:
    until then the library may still find that it must not begin. ``changed`` is called when one
    has ended, or a job was cancelled.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.history = History()
        self.changed: Callable[[], None] = nobody
        self.ended = 0
        """How many attempts have ended."""
        self._jobs: dict[JobId, Job] = {}
        self._ids = count(1)
        self._latest: dict[str, JobId] = {}
        self._not_told: dict[JobId, str] = {}
        self._workers: dict[JobId, str] = {}

    def jobs(self) -> Sequence[Job]:
        """Every job as it is now, oldest first."""
        return list(self._jobs.values())

    def get(self, job_id: JobId) -> Job | None:
        """The job as it is now."""
        return self._jobs.get(job_id)

    def under(self, key: str) -> Job | None:
        """The job that holds a key: the latest, until it has ended."""
        job = self._jobs.get(self._latest.get(key, 0))
        return None if job is None or job.state in FINAL else job

    def due(self) -> list[Job]:
        """The jobs that a worker would begin now."""
        now = self.clock.now()
        return [
            job for job in self._jobs.values() if job.state is State.QUEUED and job.due_at <= now
        ]

    def enqueue(
        self,
        task: str,
        payload: str,
        due_at: int,
        key: str,
        *,
        fresh: bool = False,
        parent: JobId | None = None,
        attempt: int = 1,
    ) -> Job:
        """A job was enqueued, and has taken the place of one that waited under its key."""
        before = self.under(key)
        if before is not None and before.state is State.QUEUED:
            self.cancel(before.id)
        if parent is not None:
            self.tell_begun(parent)
            family = self._jobs.get(parent)
            fresh = fresh or (
                family is not None and family.key == key and "fresh_key" in family.labels
            )
        now = self.clock.now()
        job = Job(
            task,
            payload,
            due_at,
            id=next(self._ids),
            key=key,
            labels=FRESH_KEY if fresh else NO_LABELS,
            attempt=attempt - 1,
            parent=parent,
            created_at=now,
        )
        self._jobs[job.id] = job
        self._latest[key] = job.id
        self.history.add(now, "enqueue", job)
        return job

    def begin(self, job: Job, attempt: int, worker: str) -> None:
        """A worker has taken the job."""
        now = self.clock.now()
        self._change(job, state=State.RUNNING, attempt=attempt, started_at=now)
        self._not_told[job.id] = self._workers[job.id] = worker

    def tell_begun(self, job_id: JobId) -> None:
        """The attempt has begun indeed."""
        worker = self._not_told.pop(job_id, None)
        job = self._jobs.get(job_id)
        if worker is not None and job is not None:
            self.history.add(job.started_at or 0, "claim", job, worker)

    def put_back(self, job_id: JobId, due_at: int) -> None:
        """The library has found that the attempt must not begin yet."""
        job = self._jobs.get(job_id)
        if job is not None and job.state is State.RUNNING:
            self._not_told.pop(job_id, None)
            self._change(job, state=State.QUEUED, attempt=job.attempt - 1, due_at=due_at)
            self.changed()

    def end(
        self, job_id: JobId, outcome: Outcome, error: BaseException | None = None, *, begun: bool
    ) -> None:
        """An attempt has ended; ``begun``: the task, or a dependency of it, did run."""
        job = self._jobs.get(job_id)
        if job is None or job.state in FINAL:
            return
        if begun:
            self.tell_begun(job_id)
            self.ended += 1
        self._not_told.pop(job_id, None)
        now = self.clock.now()
        again = outcome.again if isinstance(outcome, Failed) else None
        changes: dict[str, Any] = {"state": _state(outcome), "finished_at": now}
        if again is not None:
            changes = {"state": State.QUEUED, "due_at": again.at}
        if isinstance(outcome, Failed):
            changes["failure"] = outcome.failure
        if isinstance(outcome, Succeeded):
            changes["result"] = outcome.result
        worker = self._workers.get(job_id)
        job = self._change(job, **changes)
        self.history.add(now, "finish", job, worker, outcome, error)
        self.changed()

    def cancel(self, job_id: JobId) -> None:
        """A job that waited was taken out of the docket."""
        job = self._jobs.get(job_id)
        if job is not None and job.state is State.QUEUED:
            now = self.clock.now()
            self.history.add(
                now, "cancel", self._change(job, state=State.CANCELLED, finished_at=now)
            )
            self.changed()

    def ended_unseen(self, job_id: JobId, failure: Failure | None, result: str) -> None:
        """A job has ended where nobody looked: in a worker on another Docket object."""
        outcome = Succeeded(result) if failure is None else Failed(failure)
        self.end(job_id, outcome, begun=False)

    def forget(self, job_id: JobId) -> None:
        """The job is not to be shown any more."""
        self._jobs.pop(job_id, None)

    def _change(self, job: Job, **changes: Any) -> Job:
        changed = job._replace(version=job.version + 1, **changes)
        self._jobs[job.id] = changed
        return changed


def _state(outcome: Outcome) -> State:
    if isinstance(outcome, Succeeded):
        return State.SUCCEEDED
    return State.CANCELLED if isinstance(outcome, Cancelled) else State.DEAD


def nobody() -> None:
    """Nobody waits for changes."""
