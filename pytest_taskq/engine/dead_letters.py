"""The dead jobs of a queue, to be listed, chosen, replayed, tagged, counted and thrown away.

The calls have the words of the one library that has them; how a letter looks, and which job an
id stands for, is said by who derives from this.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pytest_taskq.core.job import Job, JobId, State
from pytest_taskq.core.store import JobQuery
from pytest_taskq.engine.queue import Queue

__all__ = [
    "REPLAY_OF",
    "DeadLetterFilter",
    "DeadLetterJob",
    "DeadLetterStats",
    "DeadLetters",
]

REPLAY_OF = "replay_of"
"""The label of a job that replays a dead one: the number of that one."""

DEAD = JobQuery(states=frozenset({State.DEAD}))
WEEK = timedelta(days=7)


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


@dataclass
class DeadLetterFilter:
    """Which dead letters: all conditions that are given must hold. Dates are inclusive."""

    job_names: list[str] | None = None
    queues: list[str] | None = None
    reasons: list[str] | None = None
    date_from: datetime | None = None
    date_to: datetime | None = None
    tags: dict[str, str] | None = None
    has_been_resurrected: bool | None = None
    limit: int = 1000
    offset: int = 0


@dataclass(frozen=True)
class DeadLetterStats:
    """How many letters there are, and of which kinds; ``by_date`` goes back a week.

    ``resurrection_success_rate``: how many of a hundred were replayed.
    """

    total_count: int
    by_job_name: dict[str, int]
    by_queue: dict[str, int]
    by_reason: dict[str, int]
    by_date: dict[str, int]
    oldest_job_age_hours: float
    resurrection_success_rate: float


class DeadLetters(ABC):
    """The dead letters of one queue. ``tags``: by the number of the job, kept by the caller."""

    def __init__(self, queue: Queue, tags: dict[JobId, dict[str, str]]) -> None:
        self._queue = queue
        self._tags = tags

    @abstractmethod
    def _letter(self, job: Job, replays: list[Job], tags: dict[str, str] | None) -> DeadLetterJob:
        """A dead job as the library shows it."""

    @abstractmethod
    async def _find(self, dead_letter_id: str) -> Job | None:
        """The job of this id, whatever its state."""

    @abstractmethod
    async def _enqueue_again(
        self,
        dead: Job,
        *,
        reset_attempts: bool,
        max_attempts: int | None,
        priority: int | None,
        queue: str | None,
    ) -> str | None:
        """Enqueue the job anew, with the label REPLAY_OF, and give the id of the new one."""

    async def list_dead_letter_jobs(
        self, filter_criteria: DeadLetterFilter | None = None
    ) -> list[DeadLetterJob]:
        """The dead letters, the last one first."""
        found = await self._chosen(filter_criteria)
        if filter_criteria is None:
            return found
        start = filter_criteria.offset
        return found[start : start + filter_criteria.limit]

    async def get_dead_letter_job(self, dead_letter_id: str) -> DeadLetterJob | None:
        """One dead letter; None for the id of anything else."""
        job = await self._dead(dead_letter_id)
        return None if job is None else (await self._letters([job]))[0]

    async def replay(
        self,
        dead_letter_id: str,
        reset_attempts: bool = True,
        new_max_attempts: int | None = None,
        new_priority: int | None = None,
        new_queue: str | None = None,
    ) -> str | None:
        """Enqueue a dead letter as a new job and return its id; the dead letter stays.

        None for an id that is no dead letter's, and for a job that is not registered any more.
        """
        dead = await self._dead(dead_letter_id)
        if dead is None:
            return None
        return await self._enqueue_again(
            dead,
            reset_attempts=reset_attempts,
            max_attempts=new_max_attempts,
            priority=new_priority,
            queue=new_queue,
        )

    async def bulk_replay(
        self,
        filter_criteria: DeadLetterFilter,
        reset_attempts: bool = True,
        new_max_attempts: int | None = None,
    ) -> list[str]:
        """Replay those that are wanted; the ids of the new jobs."""
        wanted = await self.list_dead_letter_jobs(filter_criteria)
        answers = [
            await self.replay(letter.id, reset_attempts, new_max_attempts) for letter in wanted
        ]
        return [answer for answer in answers if answer is not None]

    async def delete_dead_letter_job(self, dead_letter_id: str) -> bool:
        """Forget a dead letter, and say whether there was one."""
        dead = await self._dead(dead_letter_id)
        return dead is not None and bool(await self._queue.delete([dead]))

    async def bulk_delete(self, filter_criteria: DeadLetterFilter) -> int:
        """Forget those that are wanted, whatever its limit says; how many they were."""
        return await self._forget(await self._chosen(filter_criteria))

    async def get_dead_letter_stats(self, hours: int | None = None) -> DeadLetterStats:
        """Figures of all dead letters, or of those of the last ``hours``."""
        every, now = await self._chosen(None), self._queue.clock.time()
        since = None if not hours else now - timedelta(hours=hours)
        some = [each for each in every if since is None or each.moved_to_dead_letter_at >= since]
        oldest = min((each.moved_to_dead_letter_at for each in some), default=now)
        dates = (each.moved_to_dead_letter_at for each in every)
        replayed = sum(each.resurrection_count > 0 for each in some)
        return DeadLetterStats(
            total_count=len(some),
            by_job_name=dict(Counter(each.job_name for each in some).most_common()),
            by_queue=dict(Counter(each.queue for each in some).most_common()),
            by_reason=dict(Counter(each.dead_letter_reason for each in some).most_common()),
            by_date=dict(Counter(str(at.date()) for at in dates if now - at <= WEEK)),
            oldest_job_age_hours=(now - oldest) / timedelta(hours=1),
            resurrection_success_rate=100.0 * replayed / len(some) if some else 0.0,
        )

    async def cleanup_old_dead_letter_jobs(self, days: int = 30, dry_run: bool = False) -> int:
        """Forget what is older than ``days``; with ``dry_run`` say only how many they are."""
        before = self._queue.clock.time() - timedelta(days=days)
        old = [each for each in await self._chosen(None) if each.moved_to_dead_letter_at < before]
        return len(old) if dry_run else await self._forget(old)

    async def add_tags_to_job(self, dead_letter_id: str, tags: Mapping[str, str]) -> bool:
        """Add tags to a dead letter; False when there is none of this id."""
        dead = await self._dead(dead_letter_id)
        if dead is None:
            return False
        self._tags[dead.id] = {**self._tags.get(dead.id, {}), **tags}
        return True

    async def _forget(self, letters: Sequence[DeadLetterJob]) -> int:
        found = [await self._dead(letter.id) for letter in letters]
        return await self._queue.delete([job for job in found if job is not None])

    async def _dead(self, dead_letter_id: str) -> Job | None:
        job = await self._find(dead_letter_id)
        return job if job is not None and job.state is State.DEAD else None

    async def _chosen(self, wanted: DeadLetterFilter | None) -> list[DeadLetterJob]:
        dead = await self._queue.find(DEAD)
        dead.sort(key=lambda job: (job.finished_at or 0, job.id), reverse=True)
        letters = await self._letters(dead)
        return [each for each in letters if wanted is None or _is_wanted(each, wanted)]

    async def _letters(self, dead: Sequence[Job]) -> list[DeadLetterJob]:
        replays: dict[JobId, list[Job]] = {}
        for job in await self._queue.find() if dead else ():
            if (origin := job.labels.get(REPLAY_OF)) is not None:
                replays.setdefault(origin, []).append(job)
        return [self._letter(job, replays.get(job.id, []), self._tags.get(job.id)) for job in dead]


def _is_wanted(letter: DeadLetterJob, wanted: DeadLetterFilter) -> bool:
    moved_at, tags = letter.moved_to_dead_letter_at, letter.tags or {}
    replayed = letter.resurrection_count > 0
    return (
        (not wanted.job_names or letter.job_name in wanted.job_names)
        and (not wanted.queues or letter.queue in wanted.queues)
        and (not wanted.reasons or letter.dead_letter_reason in wanted.reasons)
        and (wanted.date_from is None or moved_at >= wanted.date_from)
        and (wanted.date_to is None or moved_at <= wanted.date_to)
        and (wanted.has_been_resurrected in {None, replayed})
        and all(tags.get(name) == value for name, value in (wanted.tags or {}).items())
    )
