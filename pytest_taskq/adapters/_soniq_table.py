"""The jobs of a real Soniq app as rows: looked up, listed, counted, cancelled and deleted."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pytest_taskq.adapters._soniq_rows import STATES, STATUS, Note, row_of, shown_row_of
from pytest_taskq.core.job import Job, JobId, State
from pytest_taskq.core.store import JobQuery
from pytest_taskq.engine.queue import Queue

__all__ = ["Row", "Table"]

Row = dict[str, Any]


class Table:
    """What is asked of jobs: see soniq's ``JobStore``.

    ``notes`` and ``tags``: by the number of the job, what Soniq knows beyond the engine's record.
    """

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.notes: dict[JobId, Note] = {}
        self.tags: dict[JobId, dict[str, str]] = {}
        self.in_hand: dict[str, Job] = {}
        """The jobs that were claimed here, as they were then, by id."""

    async def cancel_job(self, job_id: str) -> bool:
        """Cancel a queued job."""
        job = await self.find_job(job_id)
        if job is None or job.state is not State.QUEUED:
            return False
        return await self.queue.cancel(job.id) is not None

    async def delete_job(self, job_id: str) -> bool:
        """Forget a job; not a dead letter."""
        job = await self.find_job(job_id)
        if job is None or job.state is State.DEAD:
            return False
        self.notes.pop(job.id, None)
        return bool(await self.queue.delete([job]))

    async def get_job(self, job_id: str) -> Row | None:
        """The row of a job, or of its dead letter."""
        job = await self.find_job(job_id)
        return None if job is None else shown_row_of(job, self.notes.get(job.id))

    async def list_jobs(
        self,
        *,
        queue: str | None = None,
        status: str | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[Row]:
        """Rows, the newest first; dead letters are not among them."""
        states = frozenset(state for name, state in STATES.items() if status in {None, name})
        queues = None if queue is None else frozenset({queue})
        found = await self.queue.find(JobQuery(states=states, queues=queues)) if states else []
        return [
            shown_row_of(job, self.notes.get(job.id))
            for job in found[::-1][offset : offset + limit]
        ]

    async def rows(self) -> list[Row]:
        """All rows as a worker gets them, the oldest first; dead letters are not among them."""
        found = await self.queue.find(JobQuery(states=frozenset(STATES.values())))
        return [row_of(job, self.notes.get(job.id)) for job in found]

    async def get_queue_stats(self) -> Any:
        """How many there are of each status, and in total."""
        counts = Counter(STATUS[job.state] for job in await self.queue.find())
        return {"total": counts.total(), **{name: counts[name] for name in STATUS.values()}}

    async def delete_expired_jobs(self) -> int:
        """Forget what was done and is past its time; how many they were."""
        now = self.queue.clock.now()
        done = await self.queue.find(JobQuery(states=frozenset({State.SUCCEEDED})))
        expired = [job for job in done if _is_expired(self.notes.get(job.id), now)]
        for job in expired:
            self.notes.pop(job.id, None)
        return await self.queue.delete(expired)

    async def find_job(self, job_id: str) -> Job | None:
        """The engine's job of this id."""
        found = await self.queue.find(JobQuery(key=str(job_id), limit=1))
        return found[0] if found else None

    def forget(self) -> None:
        """What is known beside the store."""
        self.notes.clear()
        self.tags.clear()
        self.in_hand.clear()

    def _note(self, job: Job) -> Note:
        return self.notes.setdefault(job.id, Note())


def _is_expired(note: Note | None, now: int) -> bool:
    return note is not None and note.expires_at is not None and note.expires_at < now
