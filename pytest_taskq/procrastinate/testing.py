"""The connector in memory, and its jobs as a test wants to read them."""

from __future__ import annotations

from datetime import datetime
from itertools import count, islice
from typing import Any, Self

from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import JobId, State
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.history import Event
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.rows import JobRow, JobsView, NotThere
from pytest_taskq.procrastinate._records import OF_ITSELF, row_of
from pytest_taskq.procrastinate.exceptions import AppNotOpen
from pytest_taskq.stores.memory import MemoryStore

__all__ = ["InMemoryConnector", "JobRow", "JobsView", "NotThere"]


class InMemoryConnector:
    """Keeps the jobs of an app in memory, with the rules of Procrastinate's database.

    It has to be opened before its first use, as a database has (``app.open()``), and lives on
    real time. ``queue`` is the engine under it: its clock, and the history of its jobs.
    """

    def __init__(self) -> None:
        self.queue = Queue(MemoryStore(), Clock.present())
        self.queue.lapses = False  # nobody but the user looks after stalled jobs
        self.is_open = self._stays_open = False
        self._reset_at = 0
        self.workers: dict[int, datetime] = {}
        """The workers that were registered, and when they last said that they live."""
        self._worker_ids = count(1)

    @classmethod
    def on_queue(cls, queue: Queue) -> Self:
        """A connector on a queue of the engine, open whoever opens and closes it."""
        connector = cls()
        connector.queue = queue
        queue.lapses = False
        connector.is_open = connector._stays_open = True
        return connector

    @property
    def jobs(self) -> JobsView:
        """Every job by its id, finished ones included: always as they are now."""
        return JobsView(self.queue, row_of)

    @property
    def finished_jobs(self) -> list[JobRow]:
        """The jobs that have succeeded or failed."""
        return [row for row in self.jobs.values() if row["status"] in {"succeeded", "failed"}]

    @property
    def events(self) -> dict[JobId, list[dict[str, Any]]]:
        """What happened to each job: dicts with ``type`` and ``at``, in order."""
        events: dict[JobId, list[dict[str, Any]]] = {job_id: [] for job_id in self.jobs}
        for event in islice(self.queue.history, self._reset_at, None):
            if event.job.id in events:
                events[event.job.id] += _told(event)
        return events

    def reset(self) -> None:
        """Forget every job and worker; the ids of jobs begin anew."""
        self.workers.clear()
        self.queue.sync(self.queue.clear())
        self._reset_at = len(self.queue.history)

    def get_worker_connector(self) -> Self:
        """The connector for a worker, as Django's has one: this one serves both."""
        return self

    def open(self) -> None:
        """Allow use."""
        self.is_open = True

    def close(self) -> None:
        """Refuse use until it is opened again. The jobs stay, and can be read."""
        self.is_open = self._stays_open

    async def open_async(self) -> None:
        """See ``open``."""
        self.open()

    async def close_async(self) -> None:
        """See ``close``."""
        self.close()

    def add_worker(self) -> int:
        """Register a worker."""
        worker_id = next(self._worker_ids)
        self.workers[worker_id] = self.queue.clock.time()
        return worker_id

    def require_open(self) -> Queue:
        """The queue to work on. Raises AppNotOpen."""
        if not self.is_open:
            raise AppNotOpen(
                "The app is not open. It was never opened, or it was closed again. Use it inside "
                "`with app.open():` or `async with app.open_async():`."
            )
        return self.queue


def _told(event: Event) -> list[dict[str, Any]]:
    """The library's events for one of the engine's."""
    job = event.job
    at = to_datetime(event.at)
    match event.verb, job.state:
        case "enqueue", _:
            deferred = {"type": "deferred", "at": at}
            scheduled = {"type": "scheduled", "at": to_datetime(job.due_at)}
            return [scheduled, deferred] if job.labels.get("scheduled") else [deferred]
        case "finish" | "expire", State.QUEUED:
            told = "deferred_for_retry"
        case "claim", _:
            told = "started"
        case "finish" | "expire", State.SUCCEEDED:
            told = "succeeded"
        case "finish" | "expire", State.DEAD:
            told = "failed"
        case "finish" | "expire", State.CANCELLED:
            told = "aborted"
        case "cancel", State.CANCELLED:
            told = "cancelled"
        case "cancel", _ if event.outcome is not OF_ITSELF:
            told = "abort_requested"
        case "requeue", _:
            told = "retried"
        case _:
            return []
    asked = told == "cancelled" and job.labels.get("abort_requested", False)
    return [{"type": each, "at": at} for each in (told, *["abort_requested"] * asked)]
