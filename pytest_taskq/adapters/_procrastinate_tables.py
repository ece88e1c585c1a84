"""What Procrastinate's database keeps beside the jobs: workers, events, ticks; of one process."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from pytest_taskq.core.instants import Instant, to_datetime
from pytest_taskq.core.job import Job, JobId
from pytest_taskq.engine.clock import Clock

__all__ = ["Tables"]


class Tables:
    """Plain dicts, for a test to read and to change.

    ``workers``: the last heartbeat of each.
    ``periodic_defers``: the last tick of each periodic task and id.
    ``last_worker``: who had each job last, gone or not.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.clear()

    def clear(self) -> None:
        """Forget everything; the numbers of workers go on, as they do in the database."""
        self.workers: dict[int, datetime] = {}
        self._events: dict[JobId, list[dict[str, Any]]] = {}
        # One flat list until somebody asks: three dicts for each of ten thousand jobs would
        # keep the garbage collector busy for a fifth of their run.
        self._noted: list[Any] = []
        self.periodic_defers: dict[tuple[str, str], int] = {}
        self.ticks: set[tuple[str, str, int]] = set()
        self._worker_ids: Iterator[int] = count(1)
        self.last_worker: dict[JobId, int | None] = {}
        self.alive: list[Any] = []

    def add_worker(self) -> int:
        """A new worker, whose heart beats now."""
        # A test may have put workers there itself.
        worker_id = next(number for number in self._worker_ids if number not in self.workers)
        self.workers[worker_id] = self._clock.time()
        return worker_id

    def beat(self, worker_id: int) -> None:
        """The heart of a worker beats; of an unknown one nothing is said."""
        if worker_id in self.workers:
            self.workers[worker_id] = self._clock.time()

    def prune(self, seconds: float) -> list[int]:
        """Forget the workers whose last heartbeat is so long ago."""
        stalled = self.stalled_workers(seconds)
        for worker_id in stalled:
            del self.workers[worker_id]
        return stalled

    def stalled_workers(self, seconds: float) -> list[int]:
        """The workers whose last heartbeat is so long ago."""
        for worker in self.alive:
            self.beat(worker.worker_id)
        limit = self._clock.time() - timedelta(seconds=seconds)
        return [worker_id for worker_id, beat in self.workers.items() if beat < limit]

    def claimed(self, job_id: JobId, worker_id: int) -> None:
        """A worker took a job."""
        self.last_worker[job_id] = worker_id

    def worker_of(self, job_id: JobId) -> int | None:
        """Who has the job or had it last; None for a worker that is not registered any more."""
        worker_id = self.last_worker.get(job_id)
        return worker_id if worker_id in self.workers else None

    def note(self, job_id: JobId, kind: str, at: Instant | None = None) -> None:
        """One more event."""
        self._noted += (job_id, kind, self._clock.now() if at is None else at)

    @property
    def events(self) -> dict[JobId, list[dict[str, Any]]]:
        """By job, dicts with ``type`` and ``at``."""
        noted, self._noted = self._noted, []
        for n in range(0, len(noted), 3):
            event = {"type": noted[n + 1], "at": to_datetime(noted[n + 2])}
            self._events.setdefault(noted[n], []).append(event)
        return self._events

    @events.setter
    def events(self, events: dict[JobId, list[dict[str, Any]]]) -> None:
        self._noted, self._events = [], events

    def forget(self, job_id: JobId) -> None:
        """The events of a job go with it."""
        self.events.pop(job_id, None)
        self.last_worker.pop(job_id, None)

    def started_at(self, record: Job) -> datetime:
        """When a job was last started, as far as is known here."""
        events = self.events.get(record.id, ())
        for event in reversed(events):
            if event.get("type", "started") == "started":
                return _instant(event)
        return to_datetime(record.started_at or record.created_at)

    def last_at(self, record: Job) -> datetime:
        """When something last happened to a job, or is to happen."""
        events = self.events.get(record.id)
        if events:
            return max(_instant(event) for event in events)
        return to_datetime(record.finished_at or record.created_at)


def _instant(event: dict[str, Any]) -> datetime:
    at: datetime = event["at"]
    return at
