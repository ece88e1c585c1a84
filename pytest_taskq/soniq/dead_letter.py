"""The dead letters of an app: jobs that used up their attempts, kept with all that is known."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import Job, JobId
from pytest_taskq.engine.dead_letters import (
    REPLAY_OF,
    DeadLetterFilter,
    DeadLetterJob,
    DeadLetters,
    DeadLetterStats,
)
from pytest_taskq.engine.queue import Queue
from pytest_taskq.soniq._registry import Registration, labels_of
from pytest_taskq.soniq._rows import (
    AT_ONCE,
    attempts_of,
    check_priority,
    dead_reason,
    job_number,
    last_error,
    row_id,
    shown_args,
)

__all__ = [
    "DeadLetterFilter",
    "DeadLetterJob",
    "DeadLetterReason",
    "DeadLetterService",
    "DeadLetterStats",
]


class DeadLetterReason(StrEnum):
    """Why a job is a dead letter; the last three are for those who write their own."""

    MAX_RETRIES_EXCEEDED = "max_retries_exceeded"
    PERMANENT_FAILURE = "permanent_failure"
    JOB_NOT_FOUND = "job_not_found"
    INVALID_ARGUMENTS = "invalid_arguments"
    TIMEOUT = "timeout"
    RESOURCE_EXHAUSTED = "resource_exhausted"
    MANUAL_MOVE = "manual_move"


class DeadLetterService(DeadLetters):
    """``app.dead_letter``; on every store, where soniq 0.1 has it on PostgreSQL only."""

    def __init__(
        self,
        queue: Queue,
        tags: dict[JobId, dict[str, str]],
        registered: Mapping[str, Registration],
    ) -> None:
        super().__init__(queue, tags)
        self._registered = registered

    async def _find(self, dead_letter_id: str) -> Job | None:
        return await self._queue.get(job_number(dead_letter_id))

    async def _enqueue_again(
        self,
        dead: Job,
        *,
        reset_attempts: bool,
        max_attempts: int | None,
        priority: int | None,
        queue: str | None,
    ) -> str | None:
        if dead.task not in self._registered:
            return None
        labels = labels_of(max_attempts or dead.labels["max_attempts"])
        again = self._queue.new_job(
            dead.task,
            payload=dead.payload,
            queue=queue or dead.queue,
            priority=dead.priority if priority is None else -check_priority(priority),
            rank=AT_ONCE,
            labels={**labels, REPLAY_OF: dead.id},
        )
        attempt = 0 if reset_attempts else dead.attempt
        return row_id((await self._queue.enqueue(again._replace(attempt=attempt))).id)

    def _letter(self, job: Job, replays: list[Job], tags: dict[str, str] | None) -> DeadLetterJob:
        return DeadLetterJob(
            id=row_id(job.id),
            job_name=job.task,
            args=shown_args(job),
            queue=job.queue,
            priority=-job.priority,
            max_attempts=job.labels["max_attempts"],
            attempts=attempts_of(job),
            last_error=last_error(job) or "",
            dead_letter_reason=dead_reason(job),
            original_created_at=to_datetime(job.created_at),
            moved_to_dead_letter_at=to_datetime(job.finished_at or job.created_at),
            resurrection_count=len(replays),
            last_resurrection_at=to_datetime(replays[-1].created_at) if replays else None,
            tags=tags,
        )
