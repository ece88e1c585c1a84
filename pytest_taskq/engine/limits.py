"""What ends a run that would go on for ever: so many attempts, a chain, a clock that stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_taskq.core.errors import NotFinished
from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import Job, JobId, State
from pytest_taskq.core.store import JobQuery

if TYPE_CHECKING:
    from pytest_taskq.engine.clock import Clock
    from pytest_taskq.engine.leases import Ended
    from pytest_taskq.engine.queue import Queue

__all__ = ["CHAIN_LIMIT", "Limits"]

CHAIN_LIMIT = 1_000
QUEUED = JobQuery(states=frozenset({State.QUEUED}))


class Limits:
    """Counts the attempts of one run.

    ``at_most``: by key or task name, how many attempts may start. ``chain``: how many attempts
    one chain of jobs may have, each enqueued by the one before; None for any number. Jobs
    limited by name are not counted as a chain.
    """

    def __init__(self, at_most: Mapping[str, int], chain: int | None) -> None:
        self._at_most = dict(at_most)
        self._chain = chain
        self._chains: dict[JobId, int] = {}
        self._counts: dict[str, int] = dict.fromkeys(at_most, 0)
        self._waited: tuple[int, int] | None = None
        self._now = 0

    @classmethod
    def of(cls, queue: Queue, at_most: Mapping[str, int] | None = None) -> Limits:
        """Those of a run on this queue; on real time a chain may be of any length."""
        return cls(at_most or {}, None if queue.clock.mode == "real" else queue.chain_limit)

    @property
    def unused(self) -> list[str]:
        """The names that no attempt had."""
        return [name for name in self._at_most if not self._counts[name]]

    @property
    def spent(self) -> bool:
        """Whether any name has used up its attempts."""
        if not self._at_most:
            return False
        return any(self._counts[name] >= most for name, most in self._at_most.items())

    def count(self, job: Job) -> bool:
        """Count an attempt; true when it is one too many. Raises NotFinished for a chain."""
        names = self._names(job) if self._at_most else []
        if names:
            cut = self.is_cut(job)
            for name in names:
                self._counts[name] += 1
            return cut
        if self._chain is not None:
            self._count_chain(job, self._chain)
        return False

    def is_cut(self, job: Job) -> bool:
        """Whether another attempt of this job would be one too many."""
        return any(self._counts[name] >= self._at_most[name] for name in self._names(job))

    def without_cut(self, item: Ended) -> Ended:
        """The end of an attempt without the jobs that would follow and be cut."""
        return item._replace(follow=[job for job in item.follow if not self.is_cut(job)])

    async def cut(self, queue: Queue) -> bool:
        """Cancel what would run oftener than it may; true when there was any."""
        cut = [job for job in await queue.find(QUEUED) if self.is_cut(job)]
        for job in cut:
            await queue.cancel(job.id)
        return bool(cut)

    def check_that_time_passes(self, clock: Clock, at: int | None) -> None:
        """A real clock that stands still, because Python is frozen, would be waited on for ever."""
        if clock.mode != "real" or at is None:
            return
        waited, self._waited = self._waited, (at, clock.now())
        if waited == self._waited:
            raise NotFinished(
                f"The run does not end: the next job is due at {to_datetime(at).isoformat()}, and "
                f"time stands still. Python's clock is frozen, and this queue is on real time. "
                f"Make it while the fixture taskq_clock is there, or use the plugin's fixtures."
            )

    def time_is(self, now: int) -> None:
        """Count chains from here where time has passed: in time a worker may run for ever."""
        if now != self._now:
            self._chains.clear()
        self._now = now

    def _names(self, job: Job) -> list[str]:
        """The names under which this job is limited: its key, and its task's."""
        return [name for name in {job.key: 0, job.task: 0} if name in self._at_most]

    def _count_chain(self, job: Job, limit: int) -> None:
        length = self._chains.get(job.id) or self._chains.get(job.parent or 0, 0)
        self._chains[job.id] = length + 1
        if length >= limit:
            if job.attempt > limit:
                how = f"Job {job.id} has been tried {job.attempt - 1} times"
                remedy = "Give its retries an end"
            else:
                how = f"One job of {job.task} enqueues the next, or is made to repeat itself"
                remedy = "Stop the chain in the task, or limit the run (Docket: run_at_most)"
            raise NotFinished(
                f"The run does not end: {job.task} has run {limit} times in one chain. {how}. "
                f"{remedy}; a chain that is meant to be longer needs a higher taskq_chain_limit."
            )
