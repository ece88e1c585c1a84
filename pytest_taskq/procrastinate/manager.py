"""The job manager of an app: looks jobs up, cancels, retries and finishes them by their ids."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pytest_taskq.core.errors import NameHeld
from pytest_taskq.core.instants import to_instant, to_micros
from pytest_taskq.core.job import Job as Record
from pytest_taskq.core.job import JobId, State
from pytest_taskq.engine.locks import queueing_lock_of
from pytest_taskq.procrastinate._changes import cancelled, finished, retried
from pytest_taskq.procrastinate._deferring import Deferring
from pytest_taskq.procrastinate._listening import NotificationCallback, listen
from pytest_taskq.procrastinate._records import row_of, status_of
from pytest_taskq.procrastinate.exceptions import ConnectorException, NoResult, UniqueViolation
from pytest_taskq.procrastinate.jobs import Job, Status

__all__ = ["JobManager"]


class JobManager(Deferring):
    """What can be done with the jobs of an app beside deferring and running them.

    The methods are those of Procrastinate 3.10; the ones without ``_async`` raise RuntimeError
    inside a running event loop. ``connection`` is taken and changes nothing.
    """

    async def listen_for_jobs(
        self, *, on_notification: NotificationCallback, queues: Iterable[str] | None = None
    ) -> None:
        """Await ``on_notification`` for each new job and each request to abort, until cancelled.

        It is called with ``channel`` and ``notification``, a dict with ``type`` and ``job_id``.
        """
        await listen(self._queue, on_notification, queues)

    async def get_job_status_async(self, job_id: JobId, connection: object = None) -> Status:
        """The status of a job. Raises NoResult when there is no such job."""
        return Status(status_of(await self._get(job_id)))

    def get_job_status(self, job_id: JobId, connection: object = None) -> Status:
        """See ``get_job_status_async``."""
        return self._sync("get_job_status", lambda: self.get_job_status_async(job_id))

    async def cancel_job_by_id_async(
        self,
        job_id: JobId,
        abort: bool = False,
        delete_job: bool = False,
        connection: object = None,
    ) -> bool:
        """Cancel a job that waits, or with ``abort`` ask for the end of one that runs.

        An async task is cancelled; a sync one has to look at ``context.should_abort()``. Says
        whether anything was done.
        """
        queue = self._queue
        record = await queue.get(job_id)
        if record is None or not (
            record.state is State.QUEUED or (abort and record.state is State.RUNNING)
        ):
            return False
        if delete_job and record.state is State.QUEUED:
            return await queue.delete([record]) == 1
        after = await queue.change(
            job_id, "cancel", lambda found, now: cancelled(found, abort, now)
        )
        return after is not None

    def cancel_job_by_id(
        self,
        job_id: JobId,
        abort: bool = False,
        delete_job: bool = False,
        connection: object = None,
    ) -> bool:
        """See ``cancel_job_by_id_async``."""
        return self._sync(
            "cancel_job_by_id", lambda: self.cancel_job_by_id_async(job_id, abort, delete_job)
        )

    async def retry_job_by_id_async(
        self,
        job_id: JobId,
        retry_at: datetime,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """Put a job that runs or has failed back into its queue, due at an instant.

        Raises ConnectorException for any other job, and while another job with its queueing
        lock waits.
        """
        before = await self._queue.get(job_id)
        at = to_instant(retry_at)
        verb = "requeue" if before is not None and before.state is State.DEAD else "finish"
        try:
            after = await self._queue.change(
                job_id, verb, lambda found, now: retried(found, at, priority, queue, lock, now)
            )
        except NameHeld:
            raise UniqueViolation(
                f"Job {job_id} cannot be retried. Another job with its queueing lock "
                f"{queueing_lock_of(before) if before else None!r} waits. Run that one first."
            ) from None
        if after is None:
            raise _missing(job_id)

    def retry_job_by_id(
        self,
        job_id: JobId,
        retry_at: datetime,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """See ``retry_job_by_id_async``."""
        self._sync(
            "retry_job_by_id",
            lambda: self.retry_job_by_id_async(job_id, retry_at, priority, queue, lock),
        )

    async def retry_job(self, job: Job, retry_at: datetime | None = None, **options: Any) -> None:
        """See ``retry_job_by_id_async``; at once without ``retry_at``."""
        at = self._queue.clock.time() if retry_at is None else retry_at
        await self.retry_job_by_id_async(job.id or 0, at, **options)

    async def finish_job_by_id_async(
        self, job_id: JobId, status: Status | str, delete_job: bool
    ) -> None:
        """Give a job its final status: succeeded, failed or aborted.

        Raises ConnectorException for another status, and for a job that has one.
        """
        wanted = Status(status)
        after = await self._queue.change(
            job_id, "finish", lambda found, now: finished(found, wanted, now)
        )
        if after is None:
            raise _missing(job_id)
        if delete_job:
            await self._queue.delete([after])

    async def finish_job(self, job: Job, status: Status | str, delete_job: bool) -> None:
        """See ``finish_job_by_id_async``."""
        await self.finish_job_by_id_async(job.id or 0, status, delete_job)

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        """Give the next job to a worker, as its own run would; None when there is none."""
        if worker_id not in self._app.connector.workers:
            raise ConnectorException(
                f"Worker {worker_id} cannot fetch a job. It is not registered. "
                f"Call register_worker() first."
            )
        names = None if queues is None else frozenset(queues)
        claimed = await self._queue.leases.claim(str(worker_id), 1, queues=names)
        return Job.from_row(row_of(claimed[0])) if claimed else None

    async def delete_old_jobs(
        self,
        nb_hours: float,
        queue: str | None = None,
        include_failed: bool = False,
        include_cancelled: bool = False,
        include_aborted: bool = False,
    ) -> None:
        """Forget the jobs that succeeded so many hours ago, and on demand those that did not."""
        statuses = {"succeeded"}
        for status, included in (
            ("failed", include_failed),
            ("cancelled", include_cancelled),
            ("aborted", include_aborted),
        ):
            statuses |= {status} if included else set()
        limit = self._queue.clock.now() - to_micros(nb_hours * 3600)
        old = [
            record
            for record in await self._queue.find()
            if status_of(record) in statuses
            and (record.finished_at or 0) < limit
            and queue in {None, record.queue}
        ]
        await self._queue.delete(old)

    async def register_worker(self) -> int:
        """The id of a new worker."""
        return self._app.connector.add_worker()

    async def unregister_worker(self, worker_id: int) -> None:
        """A worker ends. Of an unknown one nothing is said."""
        self._app.connector.workers.pop(worker_id, None)

    async def update_heartbeat(self, worker_id: int) -> None:
        """A worker lives."""
        if worker_id in self._app.connector.workers:
            self._app.connector.workers[worker_id] = self._queue.clock.time()

    async def prune_stalled_workers(self, seconds_since_heartbeat: float) -> list[int]:
        """Forget the workers that have been silent for so long, and say which."""
        now, workers = self._queue.clock.time(), self._app.connector.workers
        stalled = [
            worker_id
            for worker_id, beat in workers.items()
            if (now - beat).total_seconds() > seconds_since_heartbeat
        ]
        for worker_id in stalled:
            del workers[worker_id]
        return stalled

    async def check_connection_async(self) -> bool:
        """Whether the connector can be used. Raises AppNotOpen."""
        self._app.connector.require_open()
        return True

    def check_connection(self) -> bool:
        """See ``check_connection_async``."""
        return self._sync("check_connection", self.check_connection_async)

    async def _get(self, job_id: JobId) -> Record:
        record = await self._queue.get(job_id)
        if record is None:
            raise NoResult(
                f"There is no job {job_id}. It was deleted, or never deferred here. "
                f"Look at app.connector.jobs."
            )
        return record


def _missing(job_id: JobId) -> ConnectorException:
    return ConnectorException(
        f"There is no job {job_id}. It was deleted, or never deferred here. "
        f"Look at app.connector.jobs."
    )
