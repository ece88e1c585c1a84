"""The dead letters of a real app on our backend, with the calls of its own ``app.dead_letter``."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Protocol

from pytest_taskq.adapters._soniq_rows import (
    AT_ONCE,
    Note,
    reason_of,
    shown_row_of,
    stored_args,
)
from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import Job, JobId
from pytest_taskq.core.store import JobQuery
from pytest_taskq.engine.dead_letters import REPLAY_OF, DeadLetterJob, DeadLetters
from pytest_taskq.engine.queue import Queue

__all__ = ["SoniqDeadLetters"]


class Kept(Protocol):
    """What a backend knows of its jobs."""

    @property
    def queue(self) -> Queue:
        """Where they are."""

    @property
    def notes(self) -> dict[JobId, Note]:
        """By number."""

    @property
    def tags(self) -> dict[JobId, dict[str, str]]:
        """By number."""


class SoniqDeadLetters(DeadLetters):
    """``is_registered``: whether the app still has a job of this name; None: all count as such."""

    def __init__(self, kept: Kept, is_registered: Callable[[str], bool] | None = None) -> None:
        super().__init__(kept.queue, kept.tags)
        self._kept = kept
        self._is_registered = is_registered

    async def _find(self, dead_letter_id: str) -> Job | None:
        found = await self._queue.find(JobQuery(key=str(dead_letter_id), limit=1))
        return found[0] if found else None

    async def _enqueue_again(
        self,
        dead: Job,
        *,
        reset_attempts: bool,
        max_attempts: int | None,
        priority: int | None,
        queue: str | None,
    ) -> str | None:
        if self._is_registered is not None and not self._is_registered(dead.task):
            return None
        job_id = str(uuid.UUID(int=self._queue.rng.getrandbits(128), version=4))
        again = self._queue.new_job(
            dead.task,
            payload=dead.payload,
            queue=queue or dead.queue,
            priority=-priority if priority else dead.priority,
            rank=AT_ONCE,
            key=job_id,
            labels={
                "max_attempts": max_attempts or dead.labels["max_attempts"],
                "fresh_key": True,
                REPLAY_OF: dead.id,
            },
        )
        await self._queue.enqueue(again._replace(attempt=0 if reset_attempts else dead.attempt))
        return job_id

    def _letter(self, job: Job, replays: list[Job], tags: dict[str, str] | None) -> DeadLetterJob:
        note = self._kept.notes.get(job.id)
        row: dict[str, Any] = shown_row_of(job, note)
        return DeadLetterJob(
            id=row["id"],
            job_name=job.task,
            args=stored_args(job),
            queue=job.queue,
            priority=-job.priority,
            max_attempts=row["max_attempts"],
            attempts=row["attempts"],
            last_error=row["last_error"] or "",
            dead_letter_reason=reason_of(job, note),
            original_created_at=to_datetime(job.created_at),
            moved_to_dead_letter_at=to_datetime(job.finished_at or job.created_at),
            resurrection_count=len(replays),
            last_resurrection_at=to_datetime(replays[-1].created_at) if replays else None,
            tags=tags,
        )
