"""The jobs of a real Soniq app on a queue of the engine: Soniq's calls, the engine's verbs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from pytest_taskq.adapters._soniq_rows import (
    AT_ONCE,
    NOBODY,
    beside_twins,
    error_of,
    failure_of,
    labels_of,
    payload_of,
    result_of,
    row_of,
)
from pytest_taskq.adapters._soniq_table import Row, Table
from pytest_taskq.core.errors import NameHeld
from pytest_taskq.core.instants import to_instant, to_micros
from pytest_taskq.core.job import Failure, Hold, Job, State
from pytest_taskq.core.outcome import Again, Failed, Outcome, Snoozed, Succeeded
from pytest_taskq.core.store import JobQuery
from pytest_taskq.engine.chains import admit
from pytest_taskq.engine.leases import Ended
from pytest_taskq.engine.queue import Queue

__all__ = ["Jobs"]

QUEUED, RUNNING = frozenset({State.QUEUED}), frozenset({State.RUNNING})


class Jobs(Table):
    """What is written of jobs: see soniq's ``JobStore``."""

    def __init__(self, queue: Queue) -> None:
        super().__init__(queue)
        self.only: Callable[[Job], bool] | None = None
        """Which jobs may be taken; None for any."""
        self.raised: dict[str, BaseException] = {}
        """What the present attempts of jobs raised, by id, where somebody saw it."""
        self.runs = 0
        """As if the next job that is created had failed so many times."""
        self._leases = queue.leases

    async def create_job(
        self,
        *,
        job_id: str,
        job_name: str,
        args: Any,
        args_hash: str | None,
        max_attempts: int,
        priority: int,
        queue: str,
        unique: bool,
        dedup_key: str | None = None,
        scheduled_at: datetime | None = None,
        producer_id: str | None = None,
    ) -> str:
        """Store a job; the id of the one that is queued already, if it has a twin there."""
        holds: tuple[Hold, ...] = ()
        if unique and args_hash:
            holds = (Hold(f"unique {job_name} {args_hash}", QUEUED),)
        if dedup_key:
            holds += (Hold(f"dedup {dedup_key}", QUEUED),)
        due_at = None if scheduled_at is None else to_instant(scheduled_at)
        job = self.queue.new_job(
            job_name,
            payload=payload_of(args),
            due_at=due_at,
            rank=AT_ONCE if due_at is None else due_at,
            key=job_id,
            queue=queue,
            priority=-priority,
            holds=holds,
            labels=labels_of(
                max_attempts=max_attempts,
                args_hash=args_hash,
                unique=unique or None,
                dedup_key=dedup_key or None,
                producer_id=producer_id,
                fresh_key=True,
            ),
        )
        if self.runs:
            job, self.runs = job._replace(attempt=self.runs), 0
        return await self._put(job, job_id)

    async def fetch_and_lock_job(
        self, *, queues: list[str] | None = None, worker_id: str | None = None
    ) -> Row | None:
        """Claim the job that is next; an empty list of queues means none of them."""
        claim = self._leases.claim(
            worker_id or NOBODY,
            1,
            queues=None if queues is None else frozenset(queues),
            only=self.only,
        )
        claimed = await self.queue.uncut(claim)
        if not claimed:
            return None
        job = claimed[0]
        await admit(self.queue, job)
        self.in_hand[job.key or ""] = job
        return row_of(job, self.notes.get(job.id))

    async def mark_job_done(
        self, job_id: str, *, result_ttl: int | None = None, result: Any = None
    ) -> None:
        """The job succeeded; with ``result_ttl`` 0 nothing is left of it."""
        done = await self._finish(job_id, lambda _job: Succeeded(result_of(result)))
        if done is None:
            return
        if result_ttl == 0:
            await self.queue.delete([done])
            self.notes.pop(done.id, None)
        elif result_ttl is not None:
            self._note(done).expires_at = (done.finished_at or 0) + to_micros(result_ttl)

    async def mark_job_failed(
        self, job_id: str, *, attempts: int, error: str, retry_delay: float | None = None
    ) -> None:
        """The job failed and runs again, after so many seconds."""
        now, delay = self.queue.clock.now(), to_micros(max(retry_delay or 0, 0))
        rank = now + delay if delay else AT_ONCE

        def outcome(job: Job) -> Failed:
            return Failed(failure_of(error), Again(now + delay, rank=rank, holds=beside_twins(job)))

        failed = await self._finish(job_id, outcome)
        self._count(failed, attempts, error)

    async def mark_job_dead_letter(
        self,
        job_id: str,
        *,
        attempts: int,
        error: str,
        reason: str,
        tags: dict[str, str] | None = None,
    ) -> None:
        """The job runs no more; its dead letter has its id."""
        dead = await self._finish(job_id, lambda _job: Failed(failure_of(error)))
        if dead is None:
            return
        self._count(dead, attempts, error)
        self._note(dead).reason = reason
        if tags is not None:
            self.tags[dead.id] = dict(tags)

    async def reschedule_job(
        self, job_id: str, *, delay_seconds: float, attempts: int, reason: str | None = None
    ) -> None:
        """The job asked to run later, and the attempt does not count."""
        until = self.queue.clock.now() + to_micros(max(delay_seconds, 0))
        snoozed = await self._finish(
            job_id, lambda job: Snoozed(until, reason, until, beside_twins(job))
        )
        self._count(snoozed, attempts, f"SNOOZE: {reason}" if reason else "SNOOZE")

    async def nack_job(self, job_id: str) -> None:
        """A worker that ends puts a job back, and the attempt counts."""
        job = await self.find_job(job_id)
        if job is None or job.state is not State.RUNNING:
            return
        now = self.queue.clock.now()
        self._note(job)  # its last error stays what it was
        await self._finish(
            job_id, lambda job: Snoozed(now, "put back", now, beside_twins(job), counts=True)
        )

    async def requeue_jobs_of(self, workers: set[str]) -> None:
        """Take the jobs in hand from workers that count as dead; the attempt counts.

        They are due as they were, and so at once, in their old places.
        """
        lost = [
            job
            for job in await self.queue.find(JobQuery(states=RUNNING))
            if job.lease is not None and job.lease.worker in workers
        ]
        for job in lost:
            self._note(job)  # its last error stays what it was
        await self._leases.finish(
            [Ended(job, Failed(LOST, Again(job.due_at, holds=beside_twins(job)))) for job in lost]
        )

    async def renew_leases_of(self, worker: str) -> None:
        """A worker that is heard of keeps its jobs; renewed when half of a lease is over."""
        half = self.queue.clock.now() + self._leases.length // 2
        old = [
            job
            for job in self.in_hand.values()
            if job.lease is not None and job.lease.worker == worker and job.lease.expires_at < half
        ]
        for job in await self._leases.renew(old) if old else ():
            if job is not None:
                self.in_hand[job.key or ""] = job

    async def _put(self, job: Job, job_id: str) -> str:
        while True:
            try:
                await self.queue.enqueue(job)
            except NameHeld as held:
                twin = await self.queue.get(held.holder or 0)
                if twin is not None and twin.key is not None:
                    return twin.key
            else:
                return job_id

    async def _finish(self, job_id: str, outcome: Callable[[Job], Outcome]) -> Job | None:
        """Record an outcome; None for an unknown id, and for a job that has ended.

        A job that nobody claimed is claimed for it, which does not count as an attempt.
        """
        job = self.in_hand.pop(job_id, None)
        was_run = job is not None
        if job is None:
            job = await self.find_job(job_id)
            if job is not None and job.state is State.QUEUED:
                job = await self._claim_for_outcome(job)
        if job is None or job.state is not State.RUNNING:
            return None
        error, result = self.raised.pop(job_id, None), outcome(job)
        if error is None and was_run and isinstance(result, Failed):
            error = error_of(result.failure)
        ended = Ended(job, result, error)
        (finished,) = await self.queue.uncut(self._leases.finish([ended]))
        return finished

    async def _claim_for_outcome(self, job: Job) -> Job | None:
        number, now = job.id, max(self.queue.clock.now(), job.due_at)
        claimed = await self._leases.claim(NOBODY, 1, now=now, only=lambda each: each.id == number)
        if not claimed:
            return None
        self._note(job).spent -= 1
        return claimed[0]

    def _count(self, job: Job | None, attempts: int, error: str) -> None:
        """Remember how many attempts Soniq counts, and the text of its error."""
        if job is not None:
            note = self._note(job)
            note.spent, note.last_error = attempts - job.attempt, error


LOST = Failure("WorkerLost", "the worker was not heard of any more", "")
