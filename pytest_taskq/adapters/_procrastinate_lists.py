"""What Procrastinate asks its database for without changing a job: lists, workers, the schema.

A method is named after a statement and after what it returns: nothing (``run``), a row (``one``)
or rows (``all``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from pytest_taskq.adapters._procrastinate_arguments import Arguments
from pytest_taskq.adapters._procrastinate_changes import NothingFound, Refused
from pytest_taskq.adapters._procrastinate_listeners import CURRENT_WORKER, Listeners, Notify
from pytest_taskq.adapters._procrastinate_rows import row_of, status_of
from pytest_taskq.adapters._procrastinate_seed import place, seed
from pytest_taskq.adapters._procrastinate_tables import Tables
from pytest_taskq.core.job import Job, JobId, State
from pytest_taskq.core.store import JobQuery
from pytest_taskq.engine.locks import lock_of
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.rows import JobRow, JobsView

__all__ = ["Lists", "Row"]

Row = dict[str, Any]

RUNNING = State.RUNNING
STATUSES = ("todo", "doing", "succeeded", "failed", "cancelled", "aborting", "aborted")


class StatusText(str):
    """A status that equals its text, and a member of an enum with that value."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other.value if isinstance(other, Enum) else other) is True

    __hash__ = str.__hash__


class Lists:
    """Answers on one queue, and on what is known beside it."""

    table_exists = True

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.tables = Tables(queue.clock)
        self.listeners = Listeners()
        self.arguments = Arguments()

    async def get_job_status_one(self, job_id: JobId) -> Row:
        """The status of a job."""
        record = await self.queue.get(job_id)
        if record is None:
            raise NothingFound
        return {"status": status_of(record)}

    async def select_stalled_jobs_by_started_all(
        self, nb_seconds: float, queue: str | None, task_name: str | None
    ) -> list[Row]:
        """Jobs that were started so long ago."""
        limit = self.queue.clock.time() - timedelta(seconds=nb_seconds)
        return [
            self._row(record)
            for record in await self._running(queue, task_name)
            if self.tables.started_at(record) < limit
        ]

    async def select_stalled_jobs_by_heartbeat_all(
        self, queue: str | None, task_name: str | None, seconds_since_heartbeat: float
    ) -> list[Row]:
        """Jobs whose worker is gone, or was silent for so long."""
        stalled = {None, *self.tables.stalled_workers(seconds_since_heartbeat)}
        return [
            self._row(record)
            for record in await self._running(queue, task_name)
            if self.tables.worker_of(record.id) in stalled
        ]

    async def delete_old_jobs_run(
        self, nb_hours: float, queue: str | None, statuses: Iterable[str]
    ) -> None:
        """Forget jobs of these statuses to which nothing happened for so long."""
        limit = self.queue.clock.time() - timedelta(hours=nb_hours)
        wanted = {statuses} if isinstance(statuses, str) else frozenset(statuses)
        for record in await self.queue.find(JobQuery(queues=_one(queue))):
            if status_of(record) in wanted and self.tables.last_at(record) < limit:
                await self._delete(record)

    async def list_jobs_all(self, **wanted: Any) -> list[Row]:
        """Jobs by their columns; None is any value."""
        status = wanted.get("status")
        if status is not None and status not in STATUSES:
            raise Refused(f"There is no status {status!r}")
        query = JobQuery(queues=_one(wanted.get("queue_name")), tasks=_one(wanted.get("task_name")))
        rows = [self._row(record) for record in await self.queue.find(query)]
        given = [(column, value) for column, value in wanted.items() if value is not None]
        return [row for row in rows if all(row[column] == value for column, value in given)]

    async def list_queues_all(self, **wanted: Any) -> list[Row]:
        """Queues, with the numbers of their jobs."""
        return await self._count_by("queue_name", wanted)

    async def list_tasks_all(self, **wanted: Any) -> list[Row]:
        """Tasks, with the numbers of their jobs."""
        return await self._count_by("task_name", wanted)

    async def list_locks_all(self, **wanted: Any) -> list[Row]:
        """Locks, with the numbers of their jobs."""
        return await self._count_by("lock", wanted)

    async def list_jobs_to_abort_all(self, queue_name: str | None = None) -> list[Row]:
        """Jobs that run and are to be aborted."""
        running = await self._running(queue_name, None)
        return [{"id": record.id} for record in running if record.cancel_requested]

    async def register_worker_one(self) -> Row:
        """A new worker."""
        worker_id = self.tables.add_worker()
        CURRENT_WORKER.set(worker_id)
        return {"worker_id": worker_id}

    async def unregister_worker_run(self, worker_id: int) -> None:
        """A worker ends."""
        self.tables.workers.pop(worker_id, None)
        self.listeners.drop(worker_id)

    async def update_heartbeat_run(self, worker_id: int) -> None:
        """A worker lives."""
        self.tables.beat(worker_id)

    async def prune_stalled_workers_all(self, seconds_since_heartbeat: float) -> list[Row]:
        """Forget workers that were silent for so long."""
        pruned = self.tables.prune(seconds_since_heartbeat)
        return [{"worker_id": worker_id} for worker_id in pruned]

    async def check_connection_one(self) -> Row:
        """Whether the tables are there."""
        return {"check": self.table_exists or None}

    async def listen_for_jobs_run(self) -> None:
        """Nothing: who listens says so to the connector."""

    async def set_job_status_run(self, id: JobId, status: str) -> None:  # noqa: A002 - as shipped
        """Give a job another status by hand; no statement of Procrastinate's does that."""
        await place(self.queue, int(id), status=status)

    async def apply_schema_run(self) -> None:
        """Make the tables, which are there."""

    def shown(self, record: Job) -> Row:
        """The row for a test to read: its status equals the text, and the library's member."""
        row = self._row(record)
        return {**row, "status": StatusText(row["status"])}

    @property
    def jobs(self) -> JobsView:
        """Every job by its id, finished ones included: always as they are now.

        A dict of rows may be put in its place; a row needs only the columns that matter. And a
        column of a row may be set, as if by hand in the database.
        """
        return JobsView(self.queue, self.shown, self._write)

    @jobs.setter
    def jobs(self, rows: Mapping[JobId, Mapping[str, Any]]) -> None:
        self.queue.sync(seed(self.queue, rows))
        self.arguments.clear()
        self.tables.last_worker = {job_id: row.get("worker_id") for job_id, row in rows.items()}

    @property
    def finished_jobs(self) -> list[JobRow]:
        """The jobs that have succeeded or failed."""
        return [row for row in self.jobs.values() if row["status"] in {"succeeded", "failed"}]

    @property
    def workers(self) -> dict[int, datetime]:
        """The registered workers, and when they last said that they live."""
        return self.tables.workers

    @workers.setter
    def workers(self, workers: dict[int, datetime]) -> None:
        self.tables.workers = workers

    @property
    def events(self) -> dict[JobId, list[dict[str, Any]]]:
        """What happened to each job: dicts with ``type`` and ``at``, in order."""
        return self.tables.events

    @events.setter
    def events(self, events: dict[JobId, list[dict[str, Any]]]) -> None:
        self.tables.events = events

    @property
    def periodic_defers(self) -> dict[tuple[str, str], int]:
        """The last tick of each periodic task, by its name and the id of the schedule."""
        return self.tables.periodic_defers

    @property
    def notify_channels(self) -> list[str]:
        """The channels of the worker that began to listen last."""
        return self.listeners.channels

    @property
    def on_notification(self) -> Notify | None:
        """What that worker has called for each notification."""
        return self.listeners.last

    @property
    def current_locks(self) -> set[str]:
        """The locks of the jobs that run."""
        running = self.queue.sync(self._running(None, None))
        return {lock for record in running if (lock := lock_of(record)) is not None}

    def _write(self, job_id: JobId, column: str, value: Any) -> None:
        self.queue.sync(place(self.queue, job_id, **{column: value}))
        if column == "worker_id":
            self.tables.last_worker[job_id] = value
        elif column == "args":
            self.arguments.forget(job_id)

    def _row(self, record: Job) -> Row:
        row = row_of(record, self.tables.worker_of(record.id))
        row["args"] = self.arguments.given(record.id, row["args"])
        return row

    async def _running(self, queue: str | None, task: str | None) -> list[Job]:
        return await self.queue.find(
            JobQuery(states=frozenset({RUNNING}), queues=_one(queue), tasks=_one(task))
        )

    async def _count_by(self, column: str, wanted: Mapping[str, Any]) -> list[Row]:
        statuses: dict[str, Counter[str]] = {}
        for row in await self.list_jobs_all(**wanted):
            if row[column] is not None:
                statuses.setdefault(row[column], Counter())[row["status"]] += 1
        return [
            {"name": name, "jobs_count": stats.total(), "stats": dict(stats)}
            for name, stats in sorted(statuses.items())
        ]

    async def _delete(self, record: Job) -> None:
        if await self.queue.delete([record]):
            self.tables.forget(record.id)
            self.arguments.forget(record.id)


def _one(name: str | None) -> frozenset[str] | None:
    return None if name is None else frozenset({name})
