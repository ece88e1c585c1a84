"""A job as Procrastinate tells it, and how one is deferred."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.instants import to_instant, to_micros
from pytest_taskq.core.job import NO_LABELS
from pytest_taskq.core.job import Job as Record
from pytest_taskq.core.store import Refusal
from pytest_taskq.engine.locks import holds_of, queueing_lock_of
from pytest_taskq.engine.queue import Queue
from pytest_taskq.procrastinate._json import encode_kwargs
from pytest_taskq.procrastinate._options import to_delay
from pytest_taskq.procrastinate._records import SCHEDULED
from pytest_taskq.procrastinate._sync import run_sync
from pytest_taskq.procrastinate.exceptions import AlreadyEnqueued, ConnectorException

if TYPE_CHECKING:
    from pytest_taskq.procrastinate.app import App

__all__ = [
    "DeleteJobCondition",
    "Job",
    "JobDeferrer",
    "Status",
    "already_enqueued",
    "store_together",
]

NO_ARGUMENTS: Mapping[str, Any] = MappingProxyType({})
QUEUE_NAME_LIMIT = 40
TASK_NAME_LIMIT = 128


class Status(StrEnum):
    """Where a job is in its life. A member equals its text, which the library's does not."""

    TODO = "todo"
    DOING = "doing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ABORTED = "aborted"


class DeleteJobCondition(StrEnum):
    """Which finished jobs a worker deletes."""

    NEVER = "never"
    SUCCESSFUL = "successful"
    ALWAYS = "always"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One call of a task. ``attempts`` counts the runs that have ended.

    ``id`` and ``status`` are None while it is not deferred; ``worker_id`` is the name of the
    worker that runs it.
    """

    id: int | None = None
    status: str | None = None
    queue: str
    priority: int = 0
    lock: str | None
    queueing_lock: str | None
    task_name: str
    task_kwargs: Mapping[str, Any] = field(default_factory=dict)
    scheduled_at: datetime | None = None
    attempts: int = 0
    abort_requested: bool = False
    worker_id: str | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Job:
        """The job of a row of the connector's ``jobs``."""
        renamed = {"queue": row["queue_name"], "task_kwargs": row["args"]}
        return cls(
            **renamed,
            **{key: value for key, value in row.items() if key not in {"queue_name", "args"}},
        )

    def evolve(self, **changes: Any) -> Job:
        """A copy with these fields changed."""
        return replace(self, **changes)


class JobDeferrer:
    """Defers jobs made after one template, ``job``."""

    def __init__(self, app: App, job: Job) -> None:
        self.app = app
        self.job = job
        self._holds = holds_of(job.lock, job.queueing_lock)
        self._due_at = None if job.scheduled_at is None else to_instant(job.scheduled_at)

    def configure(
        self,
        *,
        lock: str | None = None,
        queueing_lock: str | None = None,
        task_kwargs: Mapping[str, Any] | None = None,
        schedule_at: datetime | None = None,
        schedule_in: Mapping[str, float] | None = None,
        queue: str | None = None,
        priority: int | None = None,
        connection: object = None,
    ) -> JobDeferrer:
        """A deferrer with these options; None keeps the task's own.

        ``connection`` is taken and changes nothing: a job has no part in its transaction.

        ``schedule_in`` has the keywords of ``timedelta`` and counts from now. Raises ValueError
        when both schedules are given, for a naive ``schedule_at`` and for a negative delay,
        TypeError for a unit that there is not.
        """
        if schedule_at is not None and schedule_in is not None:
            raise ValueError(
                "A job is scheduled for one instant. Both schedule_at and schedule_in were given. "
                "Leave one of them out."
            )
        if schedule_at is not None:
            to_instant(schedule_at)
        if schedule_in is not None:
            delay = to_delay("schedule_in", schedule_in)
            to_micros(delay)
            schedule_at = self.app.connector.queue.clock.time() + delay
        options = {
            "lock": lock,
            "queueing_lock": queueing_lock,
            "scheduled_at": schedule_at,
            "queue": queue,
            "priority": priority,
        }
        job = self.job.evolve(
            task_kwargs={**self.job.task_kwargs, **(task_kwargs or {})},
            **{name: value for name, value in options.items() if value is not None},
        )
        return JobDeferrer(self.app, job)

    async def defer_async(self, **task_kwargs: Any) -> int:
        """Put a job into the queue, and return its id.

        Raises AlreadyEnqueued while a job with its queueing lock waits, TypeError for an
        argument that JSON has no form for, ConnectorException for what the database of
        production refuses, AppNotOpen.
        """
        return (await self.store(task_kwargs)).id

    def defer(self, **task_kwargs: Any) -> int:
        """See ``defer_async``. Raises RuntimeError inside a running event loop."""
        queue = self.app.connector.queue
        return run_sync("defer", queue, lambda: self.defer_async(**task_kwargs))

    async def batch_defer_async(self, *task_kwargs: Mapping[str, Any]) -> list[int]:
        """Put one job for each of these arguments into the queue, and return their ids.

        All or none: raises as ``defer_async``, and then stores nothing.
        """
        queue = self.app.connector.require_open()
        records = [self.record(queue, kwargs) for kwargs in task_kwargs]
        return [record.id for record in await store_together(queue, records)]

    def batch_defer(self, *task_kwargs: Mapping[str, Any]) -> list[int]:
        """See ``batch_defer_async``. Raises RuntimeError inside a running event loop."""
        queue = self.app.connector.queue
        return run_sync("batch_defer", queue, lambda: self.batch_defer_async(*task_kwargs))

    async def store(self, task_kwargs: Mapping[str, Any], *, runs: int = 0) -> Record:
        """What ``defer_async`` does, as if the job had failed so many ``runs`` before."""
        queue = self.app.connector.require_open()
        record = self.record(queue, task_kwargs)._replace(attempt=runs)
        return (await store_together(queue, [record]))[0]

    def record(self, queue: Queue, task_kwargs: Mapping[str, Any] = NO_ARGUMENTS) -> Record:
        """The engine's record of a job with these arguments, not enqueued yet."""
        job = self.job
        if job.task_kwargs:
            task_kwargs = {**job.task_kwargs, **task_kwargs}
        # That of a queue is a part of the name of a channel, which is limited in bytes.
        length = len(job.queue.encode("utf-8", "surrogatepass"))
        for what, name, size, limit, unit in (
            ("queue", job.queue, length, QUEUE_NAME_LIMIT, "bytes"),
            ("task", job.task_name, len(job.task_name), TASK_NAME_LIMIT, "characters"),
        ):
            if size > limit:
                raise ConnectorException(
                    f"The name of a {what} has at most {limit} {unit} in production. "
                    f"{name!r} has {size}. Use a shorter one."
                )
        try:
            return queue.new_job(
                job.task_name,
                due_at=self._due_at,
                queue=job.queue,
                priority=job.priority,
                rank=0,
                holds=self._holds,
                labels=NO_LABELS if self._due_at is None else SCHEDULED,
                payload=encode_kwargs(task_kwargs),
            )
        except BadOption as error:
            raise ConnectorException(str(error)) from error


async def store_together(queue: Queue, records: Sequence[Record]) -> list[Record]:
    """Enqueue all or none. Raises AlreadyEnqueued."""
    answers = await queue.enqueue_each(records)
    stored = [answer for answer in answers if not isinstance(answer, Refusal)]
    for record, answer in zip(records, answers, strict=True):
        if isinstance(answer, Refusal):
            await queue.delete(stored)
            raise already_enqueued(record, answer)
    return stored


def already_enqueued(record: Record, refusal: Refusal) -> AlreadyEnqueued:
    """The error for a job whose queueing lock is taken."""
    return AlreadyEnqueued(
        f"A job of {record.task} was not deferred. Its queueing lock "
        f"{queueing_lock_of(record)!r} is held by job {refusal.holder}, which waits in the queue. "
        f"Run that job first, or defer with another queueing lock."
    )
