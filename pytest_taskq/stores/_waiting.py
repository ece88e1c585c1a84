"""Queued jobs by what they wait for: an instant, a name, or nothing but a worker.

An index, not a rule: it finds in O(log n) what ``JobQuery`` says, and ``MemoryStore`` checks
every answer against the query. Jobs whose names are taken are parked when a search meets them,
and come back, first in line first, when the name is let go; so a queue of blocked jobs is
walked once and not at every claim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import merge

from sortedcontainers import SortedList

from pytest_taskq.core.job import Hold, Job, JobId, State
from pytest_taskq.core.store import JobQuery, claim_order

__all__ = ["Waiting"]

Place = tuple[int, int, int]
RUNNING = State.RUNNING


class Waiting:
    """The index over the queued jobs of a store."""

    def __init__(
        self, job_of: Callable[[JobId], Job], holders: dict[str, tuple[JobId, ...]]
    ) -> None:
        self._job_of = job_of
        self._holders = holders
        self._due_seen = 0
        self._later: SortedList[tuple[int, JobId]] = SortedList()
        self._ready: dict[str, SortedList[Place]] = {}
        self._parked: dict[str, dict[str, SortedList[Place]]] = {}
        self._parked_on: dict[JobId, str] = {}
        self._lines: dict[str, SortedList[tuple[int, JobId]]] = {}

    def add(self, job: Job) -> None:
        """A job entered the state queued."""
        if job.holds:
            for hold in job.holds:
                if hold.ordered:
                    line = self._lines.setdefault(hold.name, SortedList())
                    line.add((-job.priority, job.id))
        self._promote(job.created_at)
        if job.due_at > self._due_seen:
            self._later.add((job.due_at, job.id))
        else:
            self._make_ready(job)

    def remove(self, job: Job) -> None:
        """A job left the state queued, or its place in it changed."""
        if job.holds and self._leave_names(job):
            return
        if job.due_at > self._due_seen:
            self._later.remove((job.due_at, job.id))
        else:
            self._ready[job.queue].remove(claim_order(job))

    def freed(self, name: str) -> bool:
        """A name was let go, or a job that wanted it went away: let the next ones try.

        That is one in each queue, for no worker may listen to the other queues; of an ordered
        name it is the head of the line, wherever it is. True when there was any.
        """
        parked = self._parked.get(name)
        if not parked:
            return False
        line = self._lines.get(name)
        if line:
            head = line[0][1]
            if self._parked_on.get(head) == name:
                job = self._job_of(head)
                parked[job.queue].remove(claim_order(job))
                self._unpark(job.queue, claim_order(job))
                return True
            return False
        waiting = [(queue, places) for queue, places in parked.items() if places]
        for queue, places in waiting:
            self._unpark(queue, places.pop(0))
        return bool(waiting)

    def blocked_by(self, job: Job) -> Hold | None:
        """The first name that keeps this queued job from running."""
        for hold in job.holds:
            if RUNNING not in hold.during:
                continue
            holders = self._holders.get(hold.name, ())
            if len(holders) >= hold.limit and job.id not in holders:
                return hold
            if hold.ordered:
                line = self._lines.get(hold.name)
                if line and line[0] < (-job.priority, job.id):
                    return hold
        return None

    def claimable(self, query: JobQuery) -> list[Job]:
        """Jobs of the query whose instant has come and whose names are free, in claim order."""
        self._promote(query.due_by or 0)
        limit = query.limit
        met: set[JobId] = set()
        while True:
            found: list[Job] = []
            blocked: list[tuple[Job, str]] = []
            for place in self._walk(query.queues):
                if limit is not None and len(found) >= limit:
                    break
                job = self._job_of(place[2])
                hold = self.blocked_by(job) if job.holds else None
                if hold is not None:
                    blocked.append((job, hold.name))
                elif query.matches(job):
                    found.append(job)
            # Jobs that wait for two names each may let one another in for ever.
            seen_before = met.issuperset(job.id for job, _ in blocked)
            met.update(job.id for job, _ in blocked)
            if not blocked or not self._park(blocked) or seen_before:
                return found

    def later(self, query: JobQuery) -> list[Job] | None:
        """Jobs of the query due after an instant, soonest first; None: this index cannot tell."""
        if query.due_after is None or query.due_after < self._due_seen:
            return None
        found: list[Job] = []
        for _, job_id in self._later.irange((query.due_after + 1, 0)):
            if query.limit is not None and len(found) >= query.limit:
                break
            job = self._job_of(job_id)
            if self.blocked_by(job) is None and query.matches(job):
                found.append(job)
        return found

    def _promote(self, due_by: int) -> None:
        if due_by <= self._due_seen:
            return
        self._due_seen = due_by
        later = self._later
        while later and later[0][0] <= due_by:
            self._make_ready(self._job_of(later.pop(0)[1]))

    def _make_ready(self, job: Job) -> None:
        ready = self._ready.get(job.queue)
        if ready is None:
            ready = self._ready[job.queue] = SortedList()
        ready.add(claim_order(job))

    def _walk(self, queues: frozenset[str] | None) -> Iterator[Place]:
        ready = self._ready
        names = ready if queues is None else queues & ready.keys()
        if len(names) == 1:
            (name,) = names
            return iter(ready[name])
        return merge(*[ready[name] for name in names])

    def _park(self, blocked: list[tuple[Job, str]]) -> bool:
        """Take these out of the search; true when that let others in, which must be looked at."""
        for job, name in blocked:
            place = claim_order(job)
            self._ready[job.queue].remove(place)
            queues = self._parked.setdefault(name, {})
            queues.setdefault(job.queue, SortedList()).add(place)
            self._parked_on[job.id] = name
        freed = False
        for job, name in blocked:
            for hold in job.holds:
                free = len(self._holders.get(hold.name, ())) < hold.limit
                if hold.name != name and free and self.freed(hold.name):
                    freed = True
        return freed

    def _unpark(self, queue: str, place: Place) -> None:
        del self._parked_on[place[2]]
        self._ready.setdefault(queue, SortedList()).add(place)

    def _leave_names(self, job: Job) -> bool:
        """Leave lines and parking places; true when the job was parked."""
        for hold in job.holds:
            if hold.ordered:
                self._lines[hold.name].remove((-job.priority, job.id))
        name = self._parked_on.pop(job.id, None)
        if name is not None:
            self._parked[name][job.queue].remove(claim_order(job))
        return name is not None
