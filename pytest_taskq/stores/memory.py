"""The store in memory: dictionaries, and the model that every other store is compared with."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

from pytest_taskq.core.job import Hold, Job, JobId, State, with_id
from pytest_taskq.core.store import EVERYTHING, Change, JobQuery, Refusal
from pytest_taskq.stores._waiting import Waiting
from pytest_taskq.stores._watchers import Watchers

__all__ = ["MemoryStore"]

QUEUED, RUNNING = State.QUEUED, State.RUNNING
ONLY_QUEUED = frozenset({QUEUED})
ONLY_RUNNING = frozenset({RUNNING})


class MemoryStore:
    """Remembers jobs for as long as it lives. Another handle on them is the same object."""

    immediate = True

    def __init__(self) -> None:
        # Sync code may enqueue from any thread.
        self._lock = threading.Lock()
        self._watchers = Watchers()
        self._begin()

    def _begin(self) -> None:
        self._jobs: dict[JobId, Job] = {}
        self._running: dict[JobId, Job] = {}
        # Most names and keys have one job, for which a tuple is the smallest collection.
        self._keys: dict[str, tuple[JobId, ...]] = {}
        self._holders: dict[str, tuple[JobId, ...]] = {}
        self._waiting = Waiting(self._jobs.__getitem__, self._holders)
        self._last_id = 0

    async def put(self, changes: Sequence[Change]) -> list[Job | Refusal]:
        """See ``Store.put``."""
        with self._lock:
            answers = [self._put(after, replacing) for after, replacing in changes]
        self._watchers.tell()
        return answers

    async def get(self, job_id: JobId) -> Job | None:
        """See ``Store.get``."""
        return self._jobs.get(job_id)

    async def find(self, query: JobQuery) -> list[Job]:
        """See ``Store.find``."""
        with self._lock:
            if query == EVERYTHING:  # kept in the order of their numbers
                return [*self._jobs.values()]
            return self._find(query)

    def _find(self, query: JobQuery) -> list[Job]:
        if query.claimable and query.states == ONLY_QUEUED:
            if query.sort == "claim" and query.due_by is not None:
                return self._waiting.claimable(query)
            if query.sort == "due" and (later := self._waiting.later(query)) is not None:
                return later
        found = [job for job in self._candidates(query) if query.matches(job)]
        if len(found) > 1:
            found.sort(key=query.order)
        if query.claimable:
            found = [job for job in found if self._waiting.blocked_by(job) is None]
        return found[: query.limit]

    async def unfinished(self) -> bool:
        """See ``Store.unfinished``."""
        with self._lock:
            return bool(self._running or self._waiting)

    async def delete(self, jobs: Sequence[Job]) -> list[bool]:
        """See ``Store.delete``."""
        with self._lock:
            answers = self._delete(jobs)
        self._watchers.tell()
        return answers

    def _delete(self, jobs: Sequence[Job]) -> list[bool]:
        answers = []
        for job in jobs:
            stored = self._jobs.get(job.id)
            same = stored is not None and stored.version == job.version
            if stored is not None and same:
                self._forget(stored, stored.wants(stored.state))
                if stored.key is not None:
                    _leave(self._keys, stored.key, stored.id)
                del self._jobs[job.id]
            answers.append(same)
        return answers

    async def clear(self) -> None:
        """See ``Store.clear``."""
        with self._lock:
            self._begin()
        self._watchers.tell()

    @asynccontextmanager
    async def watch(self, changed: Callable[[], None]) -> AsyncIterator[None]:
        """See ``Store.watch``."""
        with self._watchers.added(changed):
            yield

    async def aclose(self) -> None:
        """See ``Store.aclose``."""

    def _put(self, after: Job, replacing: Job | None) -> Job | Refusal:
        stored: Job | None = None
        holds = after.holds
        takes = after.wants(after.state) if holds else ()
        leaves: tuple[Hold, ...] = ()
        if replacing is not None:
            stored = self._jobs.get(after.id)
            if stored is None or stored.version != replacing.version:
                return Refusal()
            leaves = stored.wants(stored.state) if stored.holds else ()
            if takes == leaves:  # it keeps its names
                takes = leaves = ()
        if holds and (refusal := self._refusal(after, takes)):
            return refusal
        if stored is not None:
            self._forget(stored, leaves)
        else:
            self._last_id += 1
            after = with_id(after, self._last_id)
            if after.key is not None:
                _join(self._keys, after.key, after.id)
        self._jobs[after.id] = after
        self._remember(after, takes)
        return after

    def _refusal(self, after: Job, takes: Sequence[Hold]) -> Refusal | None:
        """The first name that ``after`` would hold and another job does hold, or goes before."""
        for hold in takes:
            holders = self._holders.get(hold.name, ())
            if len(holders) >= hold.limit and after.id not in holders:
                return Refusal(hold.name, min(holders))
        if after.state is RUNNING and after.id not in self._running:
            blocking = self._waiting.blocked_by(after)
            return None if blocking is None else Refusal(blocking.name)
        return None

    def _remember(self, job: Job, takes: Sequence[Hold]) -> None:
        for hold in takes:
            _join(self._holders, hold.name, job.id)
        if job.state is QUEUED:
            self._waiting.add(job)
        elif job.state is RUNNING:
            self._running[job.id] = job

    def _forget(self, job: Job, leaves: Sequence[Hold]) -> None:
        """Take the record out of every index; who waits for its names is let try."""
        if job.state is QUEUED:
            self._waiting.remove(job)
        elif job.state is RUNNING:
            del self._running[job.id]
        for hold in leaves:
            _leave(self._holders, hold.name, job.id)
        for hold in job.holds:
            self._waiting.freed(hold.name)

    def _candidates(self, query: JobQuery) -> Iterable[Job]:
        """Few jobs that have among them all that the query matches."""
        if query.key is not None:
            ids = self._keys.get(query.key, ())
            first = bisect_right(ids, query.after.id) if query.after and query.sort == "id" else 0
            return [self._jobs[job_id] for job_id in ids[first:]]
        jobs = self._running if query.states == ONLY_RUNNING else self._jobs
        return jobs.values()


def _join(index: dict[str, tuple[JobId, ...]], name: str, job_id: JobId) -> None:
    ids = index.get(name, ())
    if job_id not in ids[-1:]:
        index[name] = (*ids, job_id)


def _leave(index: dict[str, tuple[JobId, ...]], name: str, job_id: JobId) -> None:
    ids = tuple([other for other in index.get(name, ()) if other != job_id])
    if ids:
        index[name] = ids
    else:
        index.pop(name, None)
