"""Queued jobs by what they wait for: an instant, a name, or nothing but a worker.

An index, not a rule: it finds in O(log n) what ``JobQuery`` says, and ``MemoryStore`` checks
every answer against the query. Jobs whose names are taken are parked when a search meets them,
and come back, first in line first, when the name is let go; so a queue of blocked jobs is
walked once and not at every claim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import merge
from itertools import islice
from typing import NamedTuple

from sortedcontainers import SortedList

from pytest_taskq.core.job import Hold, Job, JobId, State
from pytest_taskq.core.store import JobQuery, claim_order, line_order

__all__ = ["Waiting"]

Place = tuple[int, int, int]
RUNNING = State.RUNNING
LAST = (2**63, 0, 0)  # after every place


class Kind(NamedTuple):
    """What jobs that wait for one name have in common if the first of them stands for all."""

    queue: str
    limit: int
    ordered: bool


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
        self._parked: dict[str, dict[Kind, SortedList[Place]]] = {}
        self._parked_on: dict[JobId, Hold] = {}
        self._lines: dict[str, SortedList[tuple[int, JobId]]] = {}

    def __bool__(self) -> bool:
        return bool(self._later or self._parked_on or any(self._ready.values()))

    def add(self, job: Job) -> None:
        """A job entered the state queued."""
        if job.holds:
            for hold in job.holds:
                if hold.ordered:
                    line = self._lines.setdefault(hold.name, SortedList())
                    line.add(line_order(job))
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

    def freed(self, name: str, count: int | None = 1, before: Place = LAST) -> bool:
        """A name was let go, or a job that wanted it went away: let the next ones try.

        Those are the first ``count`` in each queue, for no worker may listen to the other
        queues; of an ordered name it is the head of the line, wherever it is. True when there
        was any.
        """
        parked = self._parked.get(name)
        if not parked:
            return False
        holders = self._holders.get(name, ())
        let_in: list[tuple[Kind, Place]] = []
        for kind, places in parked.items():
            chosen: list[Place] = []
            full = len(holders) >= kind.limit
            if places and kind.ordered:
                head = self._lines[name][0][1]
                place = claim_order(self._job_of(head))
                # Who has the name already waits for nothing but its turn.
                if place in places and (not full or head in holders):
                    chosen = [place]
            elif not full:
                chosen = list(islice(places, count))
            let_in += [(kind, place) for place in chosen if place < before]
        for kind, place in let_in:
            parked[kind].remove(place)
            del self._parked_on[place[2]]
            self._ready.setdefault(kind.queue, SortedList()).add(place)
        return bool(let_in)

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
                if line and line[0] < line_order(job):
                    return hold
        return None

    def claimable(self, query: JobQuery) -> list[Job]:
        """Jobs of the query whose instant has come and whose names are free, in claim order."""
        self._promote(query.due_by or 0)
        while True:
            found, blocked, wanted = self._search(query)
            if not (blocked or wanted):
                return found
            full = query.limit is not None and len(found) >= query.limit
            # Where one may have a name, those who are parked for it may have it too.
            before = claim_order(found[-1]) if full and found else LAST
            let_in = [self.freed(name, query.limit, before) for name in wanted]
            if not self._park(blocked) and not any(let_in):
                return found

    def later(self, query: JobQuery) -> list[Job] | None:
        """Jobs of the query due after an instant, soonest first; None: this index cannot tell."""
        if query.due_after is None or query.due_after < self._due_seen:
            return None
        found: list[Job] = []
        if not self._later:
            return found
        for _, job_id in self._later.irange((query.due_after + 1, 0)):
            if query.limit is not None and len(found) >= query.limit:
                break
            job = self._job_of(job_id)
            if self.blocked_by(job) is None and query.matches(job):
                found.append(job)
        return found

    def _search(self, query: JobQuery) -> tuple[list[Job], list[tuple[Job, Hold]], set[str]]:
        """Those found, those blocked on the way, and the names that those not blocked want."""
        found: list[Job] = []
        blocked: list[tuple[Job, Hold]] = []
        wanted: set[str] = set()
        if query.limit == 0:
            return found, blocked, wanted
        for place in self._walk(query.queues, query.after):
            job = self._job_of(place[2])
            if job.holds:
                hold = self.blocked_by(job)
                if hold is not None:
                    blocked.append((job, hold))
                    continue
                wanted.update([hold.name for hold in job.holds if hold.name in self._parked])
            if query.matches(job):
                found.append(job)
                if len(found) == query.limit:
                    break
        return found, blocked, wanted

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

    def _walk(self, queues: frozenset[str] | None, after: Job | None) -> Iterator[Place]:
        ready = self._ready
        names = ready if queues is None else queues & ready.keys()
        places = [ready[name] for name in names]
        if after is not None:
            beyond = claim_order(after)
            return merge(*[each.irange(beyond, inclusive=(False, False)) for each in places])
        return iter(places[0]) if len(places) == 1 else merge(*places)

    def _park(self, blocked: list[tuple[Job, Hold]]) -> bool:
        """Take these out of the search; true when that let others in, which must be looked at."""
        for job, hold in blocked:
            place = claim_order(job)
            self._ready[job.queue].remove(place)
            kinds = self._parked.setdefault(hold.name, {})
            kinds.setdefault(_kind(job, hold), SortedList()).add(place)
            self._parked_on[job.id] = hold
        others = [
            other.name for job, hold in blocked for other in job.holds if other.name != hold.name
        ]
        let_in = [self.freed(name) for name in others]
        return any(let_in)

    def _leave_names(self, job: Job) -> bool:
        """Leave lines and parking places; true when the job was parked."""
        for hold in job.holds:
            if hold.ordered:
                self._lines[hold.name].remove(line_order(job))
        parked = self._parked_on.pop(job.id, None)
        if parked is not None:
            self._parked[parked.name][_kind(job, parked)].remove(claim_order(job))
        return parked is not None


def _kind(job: Job, hold: Hold) -> Kind:
    return Kind(job.queue, hold.limit, hold.ordered)
