"""The dead letters of an app: jobs that used up their attempts, kept with all that is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import Job, State
from pytest_taskq.core.store import JobQuery
from pytest_taskq.engine.queue import Queue
from pytest_taskq.soniq._registry import labels_of
from pytest_taskq.soniq._rows import (
    AT_ONCE,
    check_priority,
    dead_reason,
    job_number,
    last_error,
    row_id,
    shown_args,
)

__all__ = ["DeadLetterJob", "DeadLetterService"]

DEAD = JobQuery(states=frozenset({State.DEAD}))


@dataclass(frozen=True)
class DeadLetterJob:
    """One dead letter. ``resurrection_count``: how often it was replayed."""

    id: str
    job_name: str
    args: dict[str, Any]
    queue: str
    priority: int
    max_attempts: int
    attempts: int
    last_error: str
    dead_letter_reason: str
    original_created_at: datetime
    moved_to_dead_letter_at: datetime
    resurrection_count: int = 0
    last_resurrection_at: datetime | None = None
    tags: dict[str, str] | None = None


class DeadLetterService:
    """``app.dead_letter``; on every store, where soniq 0.1 has it on PostgreSQL only."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    async def list_dead_letter_jobs(self) -> list[DeadLetterJob]:
        """All dead letters, the last one first."""
        dead = await self._queue.find(DEAD)
        replays = await self._replays()
        dead.sort(key=lambda job: (job.finished_at or 0, job.id), reverse=True)
        return [_letter(job, replays.get(job.id, [])) for job in dead]

    async def get_dead_letter_job(self, dead_letter_id: str) -> DeadLetterJob | None:
        """One dead letter; None for the id of anything else."""
        job = await self._find(dead_letter_id)
        return None if job is None else _letter(job, (await self._replays()).get(job.id, []))

    async def replay(
        self,
        dead_letter_id: str,
        reset_attempts: bool = True,
        new_max_attempts: int | None = None,
        new_priority: int | None = None,
        new_queue: str | None = None,
    ) -> str | None:
        """Enqueue a dead letter as a new job and return its id; the dead letter stays.

        None for an id that is no dead letter's. Raises BadOption for a bad priority.
        """
        dead = await self._find(dead_letter_id)
        if dead is None:
            return None
        labels = labels_of(new_max_attempts or dead.labels["max_attempts"])
        again = self._queue.new_job(
            dead.task,
            payload=dead.payload,
            queue=new_queue or dead.queue,
            priority=dead.priority if new_priority is None else -check_priority(new_priority),
            rank=AT_ONCE,
            labels={**labels, "replay_of": dead.id},
        )
        stored = await self._queue.enqueue(
            again._replace(attempt=0 if reset_attempts else dead.attempt)
        )
        return row_id(stored.id)

    async def delete_dead_letter_job(self, dead_letter_id: str) -> bool:
        """Forget a dead letter, and say whether there was one."""
        dead = await self._find(dead_letter_id)
        return dead is not None and bool(await self._queue.delete([dead]))

    async def _find(self, dead_letter_id: str) -> Job | None:
        job = await self._queue.get(job_number(dead_letter_id))
        return job if job is not None and job.state is State.DEAD else None

    async def _replays(self) -> dict[int, list[Job]]:
        replays: dict[int, list[Job]] = {}
        for job in await self._queue.find():
            if (origin := job.labels.get("replay_of")) is not None:
                replays.setdefault(origin, []).append(job)
        return replays


def _letter(job: Job, replays: list[Job]) -> DeadLetterJob:
    return DeadLetterJob(
        id=row_id(job.id),
        job_name=job.task,
        args=shown_args(job),
        queue=job.queue,
        priority=-job.priority,
        max_attempts=job.labels["max_attempts"],
        attempts=job.attempt,
        last_error=last_error(job) or "",
        dead_letter_reason=dead_reason(job),
        original_created_at=to_datetime(job.created_at),
        moved_to_dead_letter_at=to_datetime(job.finished_at or job.created_at),
        resurrection_count=len(replays),
        last_resurrection_at=to_datetime(replays[-1].created_at) if replays else None,
    )
