"""The one loop that runs jobs, for every facade and store.

Each turn does the same four things: record what has ended, look after leases, claim what is due
for the free slots, and wait for the next reason to look again. How a run ends is the only
difference between running until idle, until finished, and until stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Literal

from pytest_taskq.core.errors import NotFinished, QueueClosed
from pytest_taskq.core.job import Job
from pytest_taskq.core.outcome import Cancelled
from pytest_taskq.engine.alarm import Alarm
from pytest_taskq.engine.clock import give_way
from pytest_taskq.engine.execute import Stop
from pytest_taskq.engine.hands import Hands
from pytest_taskq.engine.interrupt import interrupted
from pytest_taskq.engine.leases import Ended
from pytest_taskq.engine.limits import Limits
from pytest_taskq.engine.loop_time import call_real
from pytest_taskq.engine.real_timers import RealTimer
from pytest_taskq.engine.report import Report

if TYPE_CHECKING:
    from pytest_taskq.engine.worker import Worker

__all__ = ["Run"]

STOP_SECONDS = 5.0


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
        self._loop = asyncio.get_running_loop()
        self._ends = ends
        self._budget = attempts
        self._limits = Limits.of(self._queue, at_most)
        self._drains = drains
        self._stopping = self._leases_watched = self._leases_due = False
        self._alarm = Alarm(self._clock, worker.ticker)
        self._hands = Hands(worker, self._alarm, asyncio.current_task())
        self._looked_at = 0
        # The others do not end for want of jobs: they are stopped, or a tick brings more.
        self._asks_if_over = ends != "stopped" and worker.ticker is None
        self._patience: RealTimer | asyncio.TimerHandle | None = None
        self._over: asyncio.Event | None = None
        self.report = Report()

    @property
    def jobs(self) -> list[Job]:
        """The jobs in hand."""
        return self._hands.jobs

    async def go(self) -> Report:
        """Turn until the run is over. However it ends, no job stays in hand."""
        self._queue.runs.add(self)
        self._queue.listeners.add(self._told)
        try:
            with self._clock.in_loop(stuck=self._hands.is_stuck):
                while not await self._turn_and_wait():
                    pass
        except BaseException as error:
            await self._give_back()
            # Closed under a run that was told to stop: that is how it was told.
            if not (self._stopping and isinstance(error, QueueClosed)):
                raise
        finally:
            self._close()
            await self._alarm.aclose()
        self.report.unused = self._limits.unused
        return self.report

    def stop(self, *, force: bool) -> None:
        """See ``Worker.stop``."""
        self._stopping = True
        if force:
            self._hands.stop(Stop.RELEASE)
            if self._patience is None and not self._loop.is_closed():
                lose_patience = partial(self._hands.lose_patience, STOP_SECONDS)
                self._patience = call_real(STOP_SECONDS, lose_patience)
        self._alarm.ring()

    async def end(self, *, force: bool = True) -> None:
        """See ``Endable.end``. A run of another loop is told to stop, and not waited for."""
        self.stop(force=force)
        if self._loop is asyncio.get_running_loop() and self in self._queue.runs:
            self._over = self._over or asyncio.Event()
            await self._over.wait()

    async def _turn_and_wait(self) -> bool:
        """A turn and the wait after it; true when the run is over.

        A turn that was cut while it waits for the store would lose what it has just claimed.
        """
        try:
            if await self._queue.uncut(self._turn()):
                return True
            if self._hands.interrupt is not None:
                raise self._hands.interrupt
            await self._wait()
        except asyncio.CancelledError:
            if not self._drains or self._stopping or interrupted():
                raise
            self._hands.tell_of_end()
            self.stop(force=False)
        return False

    async def _turn(self) -> bool:
        """One turn; true when the run is over."""
        self._alarm.reset()
        recorded = bool(self._hands.ended)
        if recorded:
            await self._record()
        if self._hands.interrupt is not None:
            return False
        if self._leases_due:
            await self._keep_leases()
        if self._stopping:
            return not (self._hands or self._hands.ended)
        if recorded and await self._is_over():
            return True
        if await self._claim() or self._hands or self._hands.ended:
            return False
        return await self._idle()

    async def _is_over(self) -> bool:
        """Whether what was just recorded were the last jobs of all. Asked once in a run.

        Most runs end so, and it takes one question where ``_claim`` and ``_idle`` have three.
        """
        if not self._asks_if_over or self._hands or self._hands.ended:
            return False
        self._asks_if_over = False
        return not await self._queue.store.unfinished()

    async def _wait(self) -> None:
        """Wait for the next reason to look; but first let the attempts take a step.

        Most end with it, and a run that ends soon never comes to what a real wait needs.
        """
        if self._hands:
            await give_way()
        if self._alarm.rung:
            return
        if self._hands and not self._leases_watched:
            self._watch_leases(True)
        if await self._alarm.watch(self._queue.store):
            return  # to look once more: something may have changed just before
        if self._hands and self._alarm.told_by_store:
            self._alarm.told_by_store = False
            await self._hands.stop_cancelled(self._queue.store)
        if self._hands and self._free() > 0 and not self._stopping:
            due = await self._leases.next_due(self._looked_at, self.worker.queues)
            self._alarm.call_at(due, self._alarm.ring)
        await self._alarm.wait()

    async def _claim(self) -> bool:
        """Fill the free slots; true when they are all taken."""
        if self.worker.ticker is not None:
            await self.worker.ticker.tick()
        free = self._free()
        if free <= 0:
            return bool(self._hands)
        now = self._clock.now()
        if self._ends == "stopped":
            self._limits.time_is(now)
        self._looked_at = now
        worker = self.worker
        jobs = await self._leases.claim(
            worker.name, free, queues=worker.queues, now=now, only=worker.only
        )
        for position, job in enumerate(jobs):
            try:
                self._start(job)
            except NotFinished:
                self._hands.end_without_run(Ended(left, None) for left in jobs[position:])
                raise
        return len(jobs) == free

    def _free(self) -> int:
        """How many more attempts may begin."""
        free = self.worker.concurrency - len(self._hands)
        return free if self._budget is None else min(free, self._budget - self.report.attempts)

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
            if item.recorded is not None and job is not None:
                await item.recorded(job)
        if self.worker.ends is not None and ended and self.worker.ends():
            self._stopping = True

    async def _keep_leases(self) -> None:
        """Renew our own leases, and take jobs whose leases have lapsed."""
        self._leases_due = False
        self._watch_leases(bool(self._hands))
        await self._hands.renew(self._leases)
        # Every worker of this process gets to renew before anybody takes what has lapsed.
        await give_way()
        await self._leases.expire(self.worker.expired)

    def _watch_leases(self, watched: bool) -> None:
        """While it has leases a run renews them in time; idle, it waits for those of others."""
        self._leases_watched = watched
        at = self._clock.now() + self._leases.length // 4 if watched else None
        self._alarm.call_at(at, self._look_after_leases, background=True)

    async def _idle(self) -> bool:
        """Nothing can be claimed and nothing is in hand; true when the run is over."""
        if self._leases_watched:
            self._watch_leases(False)
        if self._budget is not None and self.report.attempts >= self._budget:
            return True
        lapse = await self._leases.next_lapse()
        if lapse is not None and lapse <= self._clock.now():
            if await self._leases.expire(self.worker.expired):
                self._alarm.ring()
                return False
            lapse = None  # of a live worker in this process, which is about to renew it
        if self._limits.spent and await self._limits.cut(self._queue):
            return False
        if self._ends == "idle":
            return True
        due = await self._leases.next_due(self._looked_at, self.worker.queues)
        at = min((instant for instant in (due, lapse) if instant is not None), default=None)
        if self._ends == "finished":
            self._limits.check_that_time_passes(self._clock, at)
            if at is None or self._clock.mode == "held":
                return True
        self._alarm.call_at(at, self._alarm.ring)
        return False

    def _close(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._queue.listeners.discard(self._told)
        self._queue.runs.discard(self)
        if self._over is not None:
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
            await self._queue.uncut(self._record())
