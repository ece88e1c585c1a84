"""How a job manager puts jobs into their queues: one, several, and those of ticks."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_taskq.core.job import Job as Record
from pytest_taskq.procrastinate._lists import Lists
from pytest_taskq.procrastinate._records import status_of
from pytest_taskq.procrastinate.exceptions import InvalidTimestamp
from pytest_taskq.procrastinate.jobs import Job, JobDeferrer, already_enqueued, store_together
from pytest_taskq.procrastinate.periodic import hold_of_periodic

__all__ = ["Deferring"]


class Deferring(Lists):
    """What a job manager does with new jobs. ``connection`` is taken and changes nothing."""

    async def defer_job_async(self, job: Job, connection: object = None) -> Job:
        """Put a job into its queue; a copy of it with its id."""
        stored = await JobDeferrer(self._app, job).store(job.task_kwargs)
        return job.evolve(id=stored.id, status=status_of(stored))

    def defer_job(self, job: Job, connection: object = None) -> Job:
        """See ``defer_job_async``."""
        return self._sync("defer_job", lambda: self.defer_job_async(job))

    async def batch_defer_jobs_async(
        self, jobs: Iterable[Job], connection: object = None
    ) -> list[Job]:
        """Put jobs into their queues, all or none; copies of them with their ids.

        Raises as ``JobDeferrer.batch_defer_async``.
        """
        queue, jobs = self._queue, list(jobs)
        records = [JobDeferrer(self._app, job).record(queue) for job in jobs]
        stored = await store_together(queue, records)
        return [
            job.evolve(id=record.id, status=status_of(record))
            for job, record in zip(jobs, stored, strict=True)
        ]

    def batch_defer_jobs(self, jobs: Iterable[Job], connection: object = None) -> list[Job]:
        """See ``batch_defer_jobs_async``."""
        return self._sync("batch_defer_jobs", lambda: self.batch_defer_jobs_async(jobs))

    async def defer_periodic_job(
        self, job: Job, periodic_id: str, defer_timestamp: int
    ) -> int | None:
        """Defer the job of a tick, and return its id; None when that tick was deferred before.

        The ticks of workers and those deferred by this are the same. Raises InvalidTimestamp
        when the argument ``timestamp`` of the job is not the tick, AlreadyEnqueued when its
        queueing lock is taken: then the tick may be deferred later.
        """
        if job.task_kwargs.get("timestamp") != defer_timestamp:
            raise InvalidTimestamp(
                f"A job of {job.task_name} cannot be deferred for this tick. The tick is "
                f"{defer_timestamp!r}, and its argument timestamp is "
                f"{job.task_kwargs.get('timestamp')!r}. Give it the tick."
            )
        queue = self._queue
        record = JobDeferrer(self._app, job.evolve(scheduled_at=None)).record(queue)
        tick = hold_of_periodic(job.task_name, periodic_id, defer_timestamp)
        once = record._replace(holds=(*record.holds, tick))
        (answer,) = await queue.enqueue_each([once])
        if isinstance(answer, Record):
            return answer.id
        if answer.name == tick.name:
            return None
        raise already_enqueued(record, answer)
