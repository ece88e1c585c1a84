"""Jobs that are due but have to wait for a name that another job has: a lock, or a limit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pytest_taskq.core.instants import Instant
from pytest_taskq.core.job import Hold, Job, JobId, State
from pytest_taskq.core.store import line_order
from pytest_taskq.testing.text import clip

__all__ = ["Behind", "behind"]

WIDTH = 40


class Behind(NamedTuple):
    """What a job waits for, in words, and the first job that is in its way."""

    what: str
    job: JobId


def behind(jobs: Sequence[Job], now: Instant) -> list[Behind | None]:
    """Of each job that is queued and due, what keeps it waiting; None for nothing."""
    names = _Names(jobs)
    due = [job for job in jobs if job.state is State.QUEUED and job.due_at <= now]
    return [names.before(job) for job in due]


class _Names:
    """Who has which names, and who waits for them first."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._holders: defaultdict[str, list[Job]] = defaultdict(list)
        self._first: dict[str, Job] = {}
        for job in jobs:
            for hold in job.holds:
                if job.state in hold.during:
                    self._holders[hold.name].append(job)
                if job.state is State.QUEUED and State.RUNNING in hold.during:
                    first = self._first.setdefault(hold.name, job)
                    self._first[hold.name] = min(first, job, key=line_order)

    def before(self, job: Job) -> Behind | None:
        """What this job waits for."""
        for hold in job.wants(State.RUNNING):
            holders = [each for each in self._holders[hold.name] if each.id != job.id]
            if len(holders) >= hold.limit:
                return Behind(_text(hold), holders[0].id) if holders else None
            first = self._first[hold.name]
            if hold.ordered and first.id != job.id:
                return Behind(_text(hold), first.id)
        return None


def _text(hold: Hold) -> str:
    kind, _, name = hold.name.partition(":")
    return clip(f"lock {name!r}" if kind == "lock" else repr(hold.name), WIDTH)
