"""The one loop that runs jobs, for every facade and store.

Each turn does the same four things: record what has ended, look after leases, claim what is due
for the free slots, and wait for the next reason to look again. How a run ends is the only
difference between running until idle, until finished, and until stopped.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pytest_taskq.core.errors import NotFinished, QueueClosed
from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import Job, State
from pytest_taskq.core.outcome import Cancelled
from pytest_taskq.core.store import JobQuery
from pytest_taskq.engine.alarm import Alarm
from pytest_taskq.engine.clock import give_way
from pytest_taskq.engine.execute import Stop
from pytest_taskq.engine.hands import Hands
from pytest_taskq.engine.interrupt import interrupted
from pytest_taskq.engine.leases import Ended
from pytest_taskq.engine.limits import Limits

if TYPE_CHECKING:
    from pytest_taskq.engine.worker import Worker

__all__ = ["Report", "Run"]

STOP_SECONDS = 5.0


@dataclass(slots=True)
class Report:
    """What one run did: how many attempts, and the exceptions they ended with.

    ``unused``: names whose attempts were to be limited, and that no attempt had.
    """

    attempts: int = 0
    failures: list[tuple[Job, BaseException]] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)


class Run:
    """One run of a worker.

    With ``drains``, the first cancellation of who awaits it lets the jobs in hand end, and the
    run then ends as if there were no more.
    """

    def __init__(
        self,
        worker: Worker,
        ends: Literal["idle", "finished", "stopped"],
        *,
        attempts: int | None = None,
        at_most: Mapping[str, int] | None = None,
        drains: bool = False,
    ) -> None:
        self.worker = worker
        self._queue = worker.queue
        self._leases = worker.queue.leases
        self._clock = worker.queue.clock
        self._ends = ends
        self._budget = attempts
        endless = ends == "stopped" or self._clock.mode == "real"
        self._limits = Limits(at_most or {}, None if endless else self._queue.chain_limit)
        self._drains = drains
        self._stopping = False
        self._leases_due = False
        self._alarm = Alarm(self._clock)
        self._hands = Hands(worker, self._alarm, self._is_cancelled)
        self._patience: asyncio.TimerHandle | None = None
        self._waited: tuple[int | None, int] | None = None
        self.report = Report()

    @property
    def jobs(self) -> list[Job]:
        """The jobs in hand."""
        return self._hands.jobs

    async def go(self) -> Report:
        """Turn until the run is over. However it ends, no job stays in hand."""
        self._over = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._queue.runs.add(self)
        self._queue.listeners.add(self._told)
        self._clock.listeners.add(self._look_after_leases)
        self._alarm.call_at(self._next_look(), self._look_after_leases)
        try:
            while not await self._turn_and_wait():
                pass
        except BaseException as error:
            await self._give_back()
            # Closed under a run that was told to stop: that is how it was told.
            if not (self._stopping and isinstance(error, QueueClosed)):
                raise
        finally:
            self._close()
        self.report.unused = self._limits.unused
        return self.report

    def stop(self, *, force: bool) -> None:
        """See ``Worker.stop``."""
        self._stopping = True
        if force:
            self._hands.stop(Stop.RELEASE)
            if self._patience is None and not self._loop.is_closed():
                self._patience = self._loop.call_later(STOP_SECONDS, self._lose_patience)
        self._alarm.ring()

    async def end(self, *, force: bool = True) -> None:
        """See ``Endable.end``. A run of another loop is told to stop, and not waited for."""
        self.stop(force=force)
        if self._loop is asyncio.get_running_loop():
            await self._over.wait()

    def _is_cancelled(self) -> bool:
        return self._task is not None and self._task.cancelling() > 0

    def _lose_patience(self) -> None:
        for job in self._hands.abandon():
            warnings.warn(
                f"Job {job.id} ({job.task}) does not stop. It was cancelled {STOP_SECONDS:g} s ago "
                f"and still runs; the job went back to the queue. Let CancelledError out of it.",
                stacklevel=1,
            )

    async def _turn_and_wait(self) -> bool:
        """A turn and the wait after it; true when the run is over."""
        try:
            if await self._turn():
                return True
            await self._alarm.wait()
        except asyncio.CancelledError:
            if not self._drains or self._stopping or interrupted():
                raise
            self.stop(force=False)
        return False

    async def _turn(self) -> bool:
        """One turn; true when the run is over."""
        self._alarm.reset()
        self._clock.waiters.pop(self._alarm.ring, None)
        if self._hands.ended:
            await self._record()
        if self._hands.interrupt is not None:
            raise self._hands.interrupt
        if self._leases_due:
            await self._keep_leases()
        if self._stopping:
            return not self._hands
        if await self._claim():
            return False
        if self._hands.ended:
            return False
        if self._hands:
            self._alarm.call_at(await self._leases.next_due(self.worker.queues), self._alarm.ring)
            return False
        return await self._idle()

    async def _claim(self) -> bool:
        """Fill the free slots; true when they are all taken."""
        free = self.worker.concurrency - len(self._hands)
        if self._budget is not None:
            free = min(free, self._budget - self.report.attempts)
        if free <= 0:
            return bool(self._hands)
        jobs = await self._leases.claim(self.worker.name, free, queues=self.worker.queues)
        for position, job in enumerate(jobs):
            try:
                self._start(job)
            except NotFinished:
                self._hands.end_without_run(Ended(left, None) for left in jobs[position:])
                raise
        return len(jobs) == free

    def _start(self, job: Job) -> None:
        if self._limits.count(job):
            cut = Ended(job, Cancelled("it ran as often as it may"))
            self._hands.end_without_run([cut])
            return
        self.report.attempts += 1
        self._hands.start(job)

    async def _record(self) -> None:
        ended, self._hands.ended = self._hands.ended, []
        if self._limits.spent:
            ended = [self._limits.without_cut(item) for item in ended]
        finished = await self._leases.finish(ended)
        if not self._hands.ended:
            self._alarm.reset()  # our own change; what it made possible is looked for next
        for item, job in zip(ended, finished, strict=True):
            if item.error is not None:
                self.report.failures.append((job or item.job, item.error))

    async def _keep_leases(self) -> None:
        """Renew our own leases, and take jobs whose leases have lapsed."""
        self._leases_due = False
        self._alarm.call_at(self._next_look(), self._look_after_leases)
        jobs = self.jobs
        for job, renewed in zip(jobs, await self._leases.renew(jobs), strict=True):
            if renewed is None:
                self._hands.stop(Stop.LOST, job)
            elif renewed.cancel_requested:
                self._hands.stop(Stop.CANCEL, job)
        # Every worker of this process gets to renew before anybody takes what has lapsed.
        await give_way()
        await self._leases.expire(self.worker.expired)

    def _next_look(self) -> int:
        return self._clock.now() + self._leases.length // 4

    async def _idle(self) -> bool:
        """Nothing can be claimed and nothing is in hand; true when the run is over."""
        if self._budget is not None and self.report.attempts >= self._budget:
            return True
        lapse = await self._leases.next_lapse()
        if lapse is not None and lapse <= self._clock.now():
            if await self._leases.expire(self.worker.expired):
                self._alarm.ring()
                return False
            lapse = None  # of a live worker in this process, which is about to renew it
        if self._limits.spent and await self._cut_chains():
            return False
        if self._ends == "idle":
            return True
        due = await self._leases.next_due(self.worker.queues)
        at = min((instant for instant in (due, lapse) if instant is not None), default=None)
        if self._ends == "finished":
            self._check_that_time_passes(at)
            if at is None or (self._clock.mode == "held" and not self._clock.busy):
                return True
            if self._clock.jumps:
                self._clock.jump_to(at)
                await give_way()  # others on this clock may have work now
                self._alarm.ring()
                return False
        self._clock.waiters[self._alarm.ring] = at
        self._alarm.call_at(at, self._alarm.ring)
        return False

    def _check_that_time_passes(self, at: int | None) -> None:
        """A real clock that stands still, because Python is frozen, would be waited on for ever."""
        waited, self._waited = self._waited, (at, self._clock.now())
        if self._clock.mode == "real" and at is not None and waited == self._waited:
            raise NotFinished(
                f"The run does not end: the next job is due at {to_datetime(at).isoformat()}, and "
                f"time stands still. Python's clock is frozen, and this queue is on real time. "
                f"Make it while the fixture taskq_clock is there, or use the plugin's fixtures."
            )

    async def _cut_chains(self) -> bool:
        """Cancel what would run oftener than it may; true when there was any."""
        queued = await self._queue.find(JobQuery(states=frozenset({State.QUEUED})))
        cut = [job for job in queued if self._limits.is_cut(job)]
        for job in cut:
            await self._queue.cancel(job.id)
        return bool(cut)

    def _close(self) -> None:
        self._alarm.close()
        if self._patience is not None:
            self._patience.cancel()
        self._clock.waiters.pop(self._alarm.ring, None)
        self._clock.listeners.discard(self._look_after_leases)
        self._queue.listeners.discard(self._told)
        self._queue.runs.discard(self)
        self._over.set()

    def _look_after_leases(self) -> None:
        self._leases_due = True
        self._alarm.ring()

    def _told(self, job: Job | None) -> None:
        """The queue changed through this process: a job asked to stop, or perhaps new work."""
        if job is not None:
            self._hands.stop(Stop.CANCEL, job)
        self._alarm.ring()

    async def _give_back(self) -> None:
        """Stop everything in hand, and put the jobs back, whatever comes in between."""
        self._hands.stop(Stop.RELEASE)
        try:
            await self._hands.wait(STOP_SECONDS)
        finally:
            self._hands.abandon()
            await self._record()
