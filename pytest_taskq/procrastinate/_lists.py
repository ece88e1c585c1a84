"""Jobs, queues, tasks and locks of an app, as its job manager lists them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_taskq.core.job import JobId, State
from pytest_taskq.core.store import JobQuery
from pytest_taskq.engine.queue import Queue
from pytest_taskq.procrastinate._records import row_of
from pytest_taskq.procrastinate._sync import run_sync
from pytest_taskq.procrastinate.exceptions import ConnectorException
from pytest_taskq.procrastinate.jobs import Job

if TYPE_CHECKING:
    from pytest_taskq.procrastinate.app import App

__all__ = ["Lists"]

T = TypeVar("T")
SECOND = 1_000_000
COUNTED = ("todo", "doing", "succeeded", "failed", "cancelled", "aborted")


class Lists:
    """What a job manager tells of the jobs of an app."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def list_jobs_async(self, **wanted: Any) -> list[Job]:
        """Jobs, by ``id, queue, task, status, lock, queueing_lock`` and ``worker_id``."""
        return [Job.from_row(row) for row in await self._rows(wanted)]

    def list_jobs(self, **wanted: Any) -> list[Job]:
        """See ``list_jobs_async``."""
        return self._sync("list_jobs", lambda: self.list_jobs_async(**wanted))

    async def list_queues_async(self, **wanted: Any) -> list[dict[str, Any]]:
        """Each queue with the number of its jobs, in all and by status."""
        return await self._count_by("queue_name", wanted)

    def list_queues(self, **wanted: Any) -> list[dict[str, Any]]:
        """See ``list_queues_async``."""
        return self._sync("list_queues", lambda: self.list_queues_async(**wanted))

    async def list_tasks_async(self, **wanted: Any) -> list[dict[str, Any]]:
        """Each task with the number of its jobs, in all and by status."""
        return await self._count_by("task_name", wanted)

    def list_tasks(self, **wanted: Any) -> list[dict[str, Any]]:
        """See ``list_tasks_async``."""
        return self._sync("list_tasks", lambda: self.list_tasks_async(**wanted))

    async def list_locks_async(self, **wanted: Any) -> list[dict[str, Any]]:
        """Each lock with the number of its jobs, in all and by status."""
        return await self._count_by("lock", wanted)

    def list_locks(self, **wanted: Any) -> list[dict[str, Any]]:
        """See ``list_locks_async``."""
        return self._sync("list_locks", lambda: self.list_locks_async(**wanted))

    async def list_jobs_to_abort_async(self, queue: str | None = None) -> list[JobId]:
        """The ids of jobs that run and are to be aborted."""
        wanted = {"status": "doing", "queue": queue}
        return [row["id"] for row in await self._rows(wanted) if row["abort_requested"]]

    async def get_stalled_jobs(
        self,
        nb_seconds: float | None = None,
        queue: str | None = None,
        task_name: str | None = None,
        seconds_since_heartbeat: float = 30,
    ) -> list[Job]:
        """Jobs in hand of a worker that has not been heard of for so many seconds.

        With ``nb_seconds``: all that were started so long ago.
        """
        now = self._queue.clock.now()
        in_hand = {job.id for run in self._queue.runs for job in run.jobs}
        stalled = []
        for record in await self._queue.find(JobQuery(states=frozenset({State.RUNNING}))):
            heard = (record.lease.expires_at if record.lease else 0) - self._queue.lease
            limit, since = seconds_since_heartbeat, heard
            if nb_seconds is not None:
                limit, since = nb_seconds, record.started_at or 0
            elif record.id in in_hand:
                continue
            if now - since > limit * SECOND:
                stalled.append(Job.from_row(row_of(record)))
        return [
            job
            for job in stalled
            if queue in {None, job.queue} and task_name in {None, job.task_name}
        ]

    @property
    def _queue(self) -> Queue:
        return self._app.connector.require_open()

    async def _rows(self, wanted: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
        columns = {"queue": "queue_name", "task": "task_name"}
        given = {columns.get(name, name): value for name, value in wanted.items()}
        if given.get("status") not in {None, *COUNTED}:
            raise ConnectorException(
                f"There is no status {given['status']!r}. Use one of {', '.join(COUNTED)}."
            )
        rows = [row_of(record) for record in await self._queue.find()]
        return [
            row
            for row in rows
            if all(value is None or row[column] == value for column, value in given.items())
        ]

    async def _count_by(self, column: str, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
        counts: dict[str, Counter[str]] = {}
        for row in await self._rows(wanted):
            if row[column] is not None:
                counts.setdefault(row[column], Counter())[row["status"]] += 1
        return [
            {
                "name": name,
                "jobs_count": count.total(),
                **{status: count[status] for status in COUNTED},
            }
            for name, count in sorted(counts.items())
        ]

    def _sync(self, call: str, coroutine_function: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return run_sync(call, self._app.connector.queue, coroutine_function)
