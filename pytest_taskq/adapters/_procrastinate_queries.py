"""The statements by which Procrastinate changes jobs, answered by a queue of the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pytest_taskq.adapters._procrastinate_changes import (
    ENDS,
    NOT_TOLD,
    Refused,
    cancelled,
    finished,
    forced,
    outcome_of,
    retried,
    with_lock,
)
from pytest_taskq.adapters._procrastinate_choice import Choice, NewJob
from pytest_taskq.adapters._procrastinate_lists import Lists, Row
from pytest_taskq.adapters._procrastinate_rows import SCHEDULED
from pytest_taskq.core.errors import NameHeld
from pytest_taskq.core.instants import to_instant
from pytest_taskq.core.job import NO_LABELS, Failure, Job, JobId, State
from pytest_taskq.core.outcome import Again, Failed
from pytest_taskq.core.store import Change, JobQuery, Refusal
from pytest_taskq.engine.chains import admit
from pytest_taskq.engine.execute import describe_failure
from pytest_taskq.engine.locks import holds_of, queueing_lock_of
from pytest_taskq.engine.queue import Queue, Told

__all__ = ["Queries"]

QUEUED, RUNNING = State.QUEUED, State.RUNNING
IS_SCHEDULED = {SCHEDULED: True}
NO_ROW: Row = {"id": None}
NEVER = 2**62
CHANNEL_BYTES = 40
NAME_LIMIT = 128


class Queries(Lists):
    """What changes jobs; who reads them is the class above."""

    def __init__(self, queue: Queue) -> None:
        super().__init__(queue)
        self.errors: dict[JobId, BaseException] = {}
        """What the tasks of jobs in hand have raised, as far as anybody told."""
        self.results: dict[JobId, Any] = {}
        """What they returned: the database keeps it not, but who tests may see it."""
        self.in_hand: dict[JobId, Job] = {}
        """Each job that a worker has, as it was when it was taken."""
        self.choice = Choice()
        self._changes = 0
        queue.listeners.add(self._note_change)
        self.told_of_new: Callable[[JobId], object] = _nothing
        self.lenient = False

    def lock_taken(self, lock: str | None) -> Exception:
        """What to raise where a job with this queueing lock waits."""
        return RuntimeError(f"a job with the queueing lock {lock!r} waits")

    async def defer_jobs_all(self, jobs: Sequence[Any], *, runs: int = 0) -> list[Row]:
        """Store jobs, all or none; as if each had failed so many ``runs`` before."""
        records = [self.new_record(job)._replace(attempt=runs) for job in jobs]
        await self._refuse_taken([job.queueing_lock for job in jobs], records)
        answers = await self.queue.enqueue_each(records)
        stored = [answer for answer in answers if isinstance(answer, Job)]
        if len(stored) < len(jobs):
            refused = next(n for n, each in enumerate(answers) if isinstance(each, Refusal))
            await self.queue.delete(stored)
            await self._burn(records[:1])
            raise self.lock_taken(jobs[refused].queueing_lock)
        for record, job in zip(stored, jobs, strict=True):
            self.told_of_new(record.id)
            self.arguments.keep(record.id, job.args)
            if job.scheduled_at is not None:
                self.tables.note(record.id, "scheduled", record.due_at)
            self.tables.note(record.id, "deferred")
            inserted = {"type": "job_inserted", "job_id": record.id}
            await self.listeners.tell(record.queue, inserted)
        return [self._row(record) for record in stored]

    async def defer_periodic_job_one(
        self,
        *,
        queue: str,
        task_name: str,
        priority: int,
        args: Mapping[str, Any],
        defer_timestamp: int,
        lock: str | None,
        queueing_lock: str | None,
        periodic_id: str,
    ) -> Row:
        """Store the job of a tick, once."""
        key = (task_name, periodic_id)
        tick = (*key, defer_timestamp)
        if tick in self.tables.ticks or self.tables.periodic_defers.get(key) == defer_timestamp:
            return NO_ROW
        job = NewJob(queue, task_name, priority, lock, queueing_lock, args)
        (row,) = await self.defer_jobs_all([job])
        # Of a periodic task the table keeps the latest ticks only.
        self.tables.ticks = {
            each for each in self.tables.ticks if each[:2] != key or each[2] >= defer_timestamp
        } | {tick}
        self.tables.periodic_defers[key] = defer_timestamp
        return row

    async def fetch_job_one(self, queues: Iterable[str] | None, worker_id: int) -> Row:
        """Give the next job to a worker."""
        choice = self.choice
        if choice.is_over():
            return NO_ROW
        if worker_id not in self.tables.workers:
            raise Refused(f"Worker {worker_id} is not registered")
        names = None if queues is None else frozenset(queues)
        claimed = await self._claim(str(worker_id), names)
        if not claimed:
            return NO_ROW
        (record,) = claimed
        await admit(self.queue, record)
        choice.claimed += 1
        self.in_hand[record.id] = record
        self.tables.claimed(record.id, worker_id)
        self.tables.note(record.id, "started")
        return self._row(record)

    def _note_change(self, _job: Job | None) -> None:
        self._changes += 1

    async def _claim(self, worker: str, queues: frozenset[str] | None) -> list[Job]:
        """The next job, if there is one when this returns.

        A worker forgets the notifications that it gets while it asks. So nothing may have
        changed, and nothing have become due, while a store took its time.
        """
        leases, clock = self.queue.leases, self.queue.clock
        while True:
            now, changes = clock.now(), self._changes
            claimed = await leases.claim(worker, 1, queues=queues, now=now, only=self.choice.only)
            if claimed or self.queue.store.immediate:
                return claimed
            due = await leases.next_due(now, queues)
            if changes == self._changes and (due is None or due > clock.now()):
                return []

    async def finish_job_run(self, job_id: JobId, status: str, delete_job: bool) -> None:
        """End a job."""
        ran = False

        def decide(record: Job, now: int) -> Job:
            nonlocal ran
            ran = record.state is RUNNING
            if self.lenient and not (ran and status in ENDS):
                return forced(record, status, now)
            return finished(record, status, outcome, now)

        failure, error = self._failure(job_id)
        outcome = outcome_of(status, failure, self.results.pop(job_id, None))
        # Whoever asked for the end of a job knows of it: that is no error.
        told: Told = (outcome, None if status == "aborted" else error)
        after = await self.queue.change(job_id, "finish", decide, told)
        if after is None:
            raise Refused(
                f'Job was not found or not in "doing" or "todo" status (job id: {job_id})'
            )
        if ran or status != "aborted":
            self.tables.note(job_id, status if ran else "cancelled")
        if delete_job:
            await self._delete(after)
        self.choice.note_end()

    async def retry_job_run(
        self,
        job_id: JobId,
        retry_at: datetime,
        new_priority: int | None = None,
        new_queue_name: str | None = None,
        new_lock: str | None = None,
    ) -> None:
        """Put a job back."""
        failure, error = self._failure(job_id)
        again = Again(to_instant(retry_at), new_priority, queue=new_queue_name)
        before = await self.queue.get(job_id)
        if before is None:
            raise Refused(f"Job was not found or has an invalid status to retry (job id: {job_id})")

        def decide(record: Job, now: int) -> Job:
            asked = with_lock(record, again, new_lock)
            if self.lenient and record.state not in {RUNNING, State.DEAD}:
                return forced(record, "todo", now, asked)
            return retried(record, asked, failure, now)

        verb = "requeue" if before.state is State.DEAD else "finish"
        try:
            after = await self.queue.change(
                job_id,
                verb,
                decide,
                (Failed(failure, again), error) if verb == "finish" else (None, None),
            )
        except NameHeld:
            raise self.lock_taken(queueing_lock_of(before)) from None
        if after is not None and after.state is QUEUED:
            self.tables.note(job_id, "scheduled", again.at)
            self.tables.note(job_id, "retried" if verb == "requeue" else "deferred_for_retry")
        else:
            self.tables.note(job_id, "failed")
        self.choice.note_end()

    async def cancel_job_one(self, job_id: JobId, abort: bool, delete_job: bool) -> Row:
        """Cancel a job that waits, or ask for the end of one that runs."""
        record = await self.queue.get(job_id)
        if record is None or not (record.state is QUEUED or (abort and record.state is RUNNING)):
            return NO_ROW
        if delete_job and record.state is QUEUED:
            await self._delete(record)
            return {"id": job_id}
        after = await self.queue.change(
            job_id, "cancel", lambda found, now: cancelled(found, abort, now)
        )
        if after is None:
            return NO_ROW
        if record.state is QUEUED:
            self.tables.note(job_id, "cancelled")
        if abort and not record.cancel_requested:
            self.tables.note(job_id, "abort_requested")
            if record.state is RUNNING:
                asked = {"type": "abort_job_requested", "job_id": job_id}
                await self.listeners.tell(record.queue, asked)
        return {"id": job_id}

    def new_record(self, job: Any) -> Job:
        """The record of a job to defer. Raises Refused for what its table cannot keep."""
        if len(job.queue_name.encode()) > CHANNEL_BYTES:
            raise Refused(
                f"The name of a queue has at most {CHANNEL_BYTES} bytes: it is a part of that of "
                f"a channel. {job.queue_name!r} is longer. Use a shorter one."
            )
        if len(job.task_name) > NAME_LIMIT:
            raise Refused(
                f"The name of a task has at most {NAME_LIMIT} characters. {job.task_name!r} has "
                f"{len(job.task_name)}. Use a shorter one."
            )
        at = job.scheduled_at
        return self.queue.new_job(
            job.task_name,
            due_at=None if at is None else to_instant(at),
            queue=job.queue_name,
            priority=job.priority,
            rank=0,
            holds=holds_of(job.lock, job.queueing_lock),
            labels=NO_LABELS if at is None else IS_SCHEDULED,
            payload=self.arguments.encode(job.args),
        )

    async def _refuse_taken(self, locks: Sequence[str | None], records: Sequence[Job]) -> None:
        """Raise LockTaken before any of several jobs is stored when one could not be."""
        wanted = [lock for lock in locks if lock is not None]
        if not wanted or len(locks) < 2:
            return
        waiting = await self.queue.find(JobQuery(states=frozenset({QUEUED})))
        taken = {queueing_lock_of(record) for record in waiting}
        for number, lock in enumerate(locks, 1):
            if lock is not None and lock in taken:
                await self._burn(records[:number])
                raise self.lock_taken(lock)
            taken.add(lock)

    async def _burn(self, records: Sequence[Job]) -> None:
        """Use up the ids of refused jobs, as the sequence of the database does."""
        changes = [Change(record._replace(holds=(), due_at=NEVER), None) for record in records]
        answers = await self.queue.store.put(changes)
        await self.queue.store.delete([each for each in answers if isinstance(each, Job)])

    def _failure(self, job_id: JobId) -> tuple[Failure, BaseException | None]:
        self.in_hand.pop(job_id, None)
        error = self.errors.pop(job_id, None)
        return (NOT_TOLD, None) if error is None else (describe_failure(error), error)


def _nothing(_job_id: JobId) -> None:
    """Who need not know."""
