"""The worker's side of a queue: claims, leases, and what attempts reported.

Every verb decides on the record that was found, and puts the decision in place of that record.
A refusal means that somebody was faster, and nothing was changed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pytest_taskq.core import transitions
from pytest_taskq.core.errors import LeaseLost
from pytest_taskq.core.job import Failure, Job, Lease, State
from pytest_taskq.core.outcome import Again, Failed, Outcome
from pytest_taskq.core.store import Change, JobQuery, Refusal, ready_query

if TYPE_CHECKING:
    from pytest_taskq.engine.queue import Queue

__all__ = ["Ended", "Leases"]

PAGE = 100  # jobs looked at in one call, where not every one may be claimed
QUEUED, RUNNING = frozenset({State.QUEUED}), frozenset({State.RUNNING})
LEASED = JobQuery(states=RUNNING, sort="lease", limit=1)


class Ended(NamedTuple):
    """An attempt that ended: its outcome, the exception behind it, and what is to follow.

    ``recorded`` gets the job as it is once the outcome has been recorded, if it was.
    """

    job: Job
    outcome: Outcome | None  # None: put back untouched
    error: BaseException | None = None
    follow: Sequence[Job] = ()
    recorded: Callable[[Job], Awaitable[None]] | None = None


class Leases:
    """Claims and gives back jobs of one queue. ``length``: of a lease, in microseconds.

    What was claimed may be reported after the queue is closed; nothing more is claimed then.
    """

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._store = queue.store
        self._clock = queue.clock
        self._history = queue.history
        self._tokens = queue.tokens
        self.length = queue.lease

    async def claim(
        self,
        worker: str,
        limit: int,
        *,
        queues: frozenset[str] | None = None,
        now: int | None = None,
        only: Callable[[Job], bool] | None = None,
    ) -> list[Job]:
        """Lease up to ``limit`` jobs that are due by ``now`` and whose names are free.

        ``only``: which of them; None for any.
        """
        self._queue.use()
        claimed: list[Job] = []
        if now is None:
            now = self._clock.now()
        expires_at = now + self.length
        more, passed = True, None
        while more:
            wanted = limit - len(claimed)
            page = wanted if passed is None else max(wanted, PAGE)
            ready = await self._store.find(ready_query(queues, now, page, passed))
            if not ready:
                break
            more = len(ready) == page  # one that is not full is the last
            if only is not None:
                last = ready[-1]
                ready, passed = _choose(ready, only, wanted)
                more = more or passed is not last
            changes = [
                Change(
                    transitions.claim(job, Lease(worker, next(self._tokens), expires_at), now), job
                )
                for job in ready
            ]
            for answer in await self._store.put(changes) if changes else ():
                if isinstance(answer, Job):
                    claimed.append(answer)
                    self._history.add(now, "claim", answer, worker)
            more = more and len(claimed) < limit
        return claimed

    async def finish(self, ended: Sequence[Ended]) -> list[Job | None]:
        """Record what attempts reported, and enqueue what follows from them.

        The answer has each job as it is now, or None where the lease was lost meanwhile: that
        outcome changes nothing and stands in the history as late.
        """
        now = self._clock.now()
        changes = [Change(_finished(item.job, item, now), item.job) for item in ended]
        finished: list[Job | None] = []
        follow: list[Job] = []
        for item, answer in zip(ended, await self._store.put(changes), strict=True):
            if isinstance(answer, Job):
                self._note_finished(now, answer, item)
                finished.append(answer)
            else:
                finished.append(await self._finish_refused(now, item, answer))
            if item.follow and finished[-1] is not None:
                follow += item.follow
        if follow:
            await self._follow(follow)
        self._queue.tell(None)
        return finished

    async def _follow(self, jobs: Sequence[Job]) -> None:
        """Only after their own change: that one lets the names go which these may need."""
        for job in await self._store.put([Change(job, None) for job in jobs]):
            if isinstance(job, Job):
                self._history.add(self._clock.now(), "enqueue", job)

    async def renew(self, jobs: Sequence[Job]) -> list[Job | None]:
        """Prolong leases. None stands for a job whose lease was lost."""
        now = self._clock.now()
        renewed: list[Job | None] = []
        for job in jobs:
            found: Job | None = job
            answer: Job | Refusal | None = None
            while found is not None:
                try:
                    after = transitions.renew(found, _token(job), now + self.length)
                except LeaseLost:
                    break
                (answer,) = await self._store.put([Change(after, found)])
                if isinstance(answer, Job) or answer.name is not None:
                    break
                found = await self._store.get(job.id)
            if isinstance(answer, Job):
                self._history.add(now, "renew", answer, _worker(answer))
            renewed.append(answer if isinstance(answer, Job) else None)
        return renewed

    async def expire(self, decide: Callable[[Job], Again | None]) -> list[Job]:
        """Take every job with a lapsed lease from its worker; ``decide`` says when again.

        Jobs that a run of this process has in hand are left alone: it lives, and only the clock
        has moved past its lease.
        """
        self._queue.use()
        now = self._clock.now()
        if not self._queue.lapses:
            return []
        in_hand = {job.id for run in self._queue.runs for job in run.jobs}
        query = JobQuery(states=RUNNING, lease_expired_by=now, sort="lease")
        lapsed = [job for job in await self._store.find(query) if job.id not in in_hand]
        changes = [Change(transitions.expire(job, now, decide(job)), job) for job in lapsed]
        expired: list[Job] = []
        crowded_out: list[Change] = []
        for job, answer in zip(lapsed, await self._store.put(changes), strict=True):
            if isinstance(answer, Job):
                expired.append(answer)
            elif answer.name is not None:
                crowded_out.append(Change(transitions.expire(job, now, None), job))
        dead = await self._store.put(crowded_out)
        expired += [answer for answer in dead if isinstance(answer, Job)]
        for job in expired:
            self._history.add(now, "expire", job)
        if expired:
            self._queue.tell(None)
        return expired

    async def next_due(self, after: int, queues: frozenset[str] | None = None) -> int | None:
        """When the next job after this instant becomes due that no name keeps from running."""
        due = await self._store.find(
            JobQuery(
                states=QUEUED,
                queues=queues,
                due_after=after,
                claimable=True,
                sort="due",
                limit=1,
            )
        )
        return due[0].due_at if due else None

    async def next_lapse(self) -> int | None:
        """When the next lease lapses, if its worker does not renew it."""
        if not self._queue.lapses:
            return None
        leased = await self._store.find(LEASED)
        return leased[0].lease.expires_at if leased and leased[0].lease else None

    async def _finish_refused(self, now: int, item: Ended, refusal: Refusal) -> Job | None:
        """Decide once more, on the present record if it is still ours.

        A job that wants to go back to the queue, where another one has taken a name that it gave
        up while it ran, is dead and says so: dropping or hiding it would lose it. One that is put
        back untouched asked for nothing, and shares the name.
        """
        taken: frozenset[str] = frozenset()
        while (found := await self._store.get(item.job.id)) is not None:
            if refusal.name is not None and item.outcome is None:
                taken |= {refusal.name}
            elif refusal.name is not None:
                item = item._replace(outcome=_crowded_out(item, refusal))
            try:
                after = _finished(found, item, self._clock.now(), taken)
            except LeaseLost:
                break
            (answer,) = await self._store.put([Change(after, found)])
            if isinstance(answer, Job):
                self._note_finished(now, answer, item)
                return answer
            refusal = answer
        self._history.add(now, "late", item.job, _worker(item.job), item.outcome, item.error)
        return None

    def _note_finished(self, now: int, job: Job, item: Ended) -> None:
        verb = "release" if item.outcome is None else "finish"
        self._history.add(now, verb, job, _worker(item.job), item.outcome, item.error)


def _choose(jobs: Sequence[Job], only: Callable[[Job], bool], wanted: int) -> tuple[list[Job], Job]:
    """The first so many that are right, and the last one that was looked at for them."""
    chosen: list[Job] = []
    for job in jobs:
        if only(job):
            chosen.append(job)
        if len(chosen) == wanted:
            break
    return chosen, job


def _finished(job: Job, item: Ended, now: int, taken: frozenset[str] = frozenset()) -> Job:
    if item.outcome is None:
        return transitions.release(job, _token(item.job), now, shared=taken)
    return transitions.finish(job, _token(item.job), item.outcome, now)


def _crowded_out(item: Ended, refusal: Refusal) -> Outcome:
    failure = Failure(
        "NameHeld",
        f"job {item.job.id} cannot go back to the queue: job {refusal.holder} has taken the name "
        f"{refusal.name!r} meanwhile",
        "",
    )
    if isinstance(item.outcome, Failed):
        failure = item.outcome.failure._replace(
            message=f"{item.outcome.failure.message} ({failure.message})"
        )
    return Failed(failure)


def _token(job: Job) -> int:
    return job.lease.token if job.lease is not None else 0


def _worker(job: Job) -> str | None:
    return job.lease.worker if job.lease is not None else None
