"""The one loop that runs jobs, for every facade and store.

Each turn does the same four things: record what has ended, look after leases, claim what is due
for the free slots, and wait for the next reason to look again. How a run ends is the only
difference between running until idle, until finished, and until stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pytest_taskq.core.errors import NotFinished, QueueClosed
from pytest_taskq.core.job import Job, JobId, State
from pytest_taskq.core.outcome import Cancelled, Failed
from pytest_taskq.core.payload import decode_call
from pytest_taskq.core.store import JobQuery
from pytest_taskq.engine.alarm import Alarm
from pytest_taskq.engine.clock import give_way
from pytest_taskq.engine.execute import Stop, describe_failure, execute
from pytest_taskq.engine.interrupt import interrupted
from pytest_taskq.engine.leases import Ended
from pytest_taskq.engine.limits import Limits
from pytest_taskq.engine.tasks import CURRENT_JOB, Attempt

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
        chain_limit: int | None = None,
        drains: bool = False,
    ) -> None:
        self.worker = worker
        self._queue = worker.queue
        self._leases = worker.queue.leases
        self._clock = worker.queue.clock
        self._ends = ends
        self._budget = attempts
        self._limits = Limits(at_most or {}, None if self._clock.mode == "real" else chain_limit)
        self._running: dict[JobId, tuple[Job, asyncio.Task[None]]] = {}
        self._ended: list[Ended] = []
        self._stops: dict[JobId, Stop] = {}
        self._drains = drains
        self._stopping = False
        self._leases_due = False
        self._alarm = Alarm(self._clock)
        self._interrupt: BaseException | None = None
        self.report = Report()

    @property
    def jobs(self) -> list[Job]:
        """The jobs in hand."""
        return [job for job, _ in self._running.values()]

    async def go(self) -> Report:
        """Turn until the run is over. However it ends, no job stays in hand."""
        self._over = asyncio.Event()
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
            for job_id in self._running:
                self._cancel(job_id, Stop.RELEASE)
        self._alarm.ring()

    async def end(self, *, force: bool = True) -> None:
        """See ``Endable.end``."""
        self.stop(force=force)
        await self._over.wait()

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
        if self._ended:
            await self._record()
        if self._interrupt is not None:
            raise self._interrupt
        if self._leases_due:
            await self._keep_leases()
        if self._stopping:
            return not self._running
        if await self._claim():
            return False
        if self._ended:
            return False
        if self._running:
            self._alarm.call_at(await self._leases.next_due(self.worker.queues), self._alarm.ring)
            return False
        return await self._idle()

    async def _claim(self) -> bool:
        """Fill the free slots; true when they are all taken."""
        free = self.worker.concurrency - len(self._running)
        if self._budget is not None:
            free = min(free, self._budget - self.report.attempts)
        if free <= 0:
            return bool(self._running)
        jobs = await self._leases.claim(self.worker.name, free, queues=self.worker.queues)
        for job in jobs:
            self._start(job)
        return len(jobs) == free

    def _start(self, job: Job) -> None:
        try:
            if self._limits.count(job):
                self._ended.append(Ended(job, Cancelled("it ran as often as it may")))
                self._alarm.ring()
                return
        except NotFinished:
            self._ended.append(Ended(job, None))
            raise
        self.report.attempts += 1
        self._clock.busy += 1
        self._running[job.id] = (job, asyncio.create_task(self._attempt(job)))

    async def _attempt(self, job: Job) -> None:
        """The body of an attempt's own asyncio task."""
        CURRENT_JOB.set(job.id)
        ended = Ended(job, None)
        try:
            try:
                args, kwargs = decode_call(job.payload)
                task = self.worker.tasks[job.task]
            except Exception as error:  # noqa: BLE001 - what cannot be run must not be lost
                ended = Ended(job, Failed(describe_failure(error)), error)
            else:
                attempt = Attempt(job, args, kwargs, self.worker)
                ended = await execute(attempt, task, self._stops)
        except asyncio.CancelledError:
            pass  # by nobody we know: the loop is closing, and the job goes back
        except KeyboardInterrupt as error:
            self._interrupt = error
        except BaseException as error:  # noqa: BLE001 - a fault in a task's own hooks
            ended = Ended(job, Failed(describe_failure(error)), error)
        finally:
            self._clock.busy -= 1
            self._ended.append(ended)
            self._alarm.ring()

    async def _record(self) -> None:
        ended, self._ended = self._ended, []
        for item in ended:
            self._running.pop(item.job.id, None)
            self._stops.pop(item.job.id, None)
        finished = await self._leases.finish(ended)
        if not self._ended:
            self._alarm.reset()  # our own change; what it made possible is looked for next
        for item, job in zip(ended, finished, strict=True):
            if item.error is not None:
                self.report.failures.append((job or item.job, item.error))

    async def _keep_leases(self) -> None:
        """Renew our own leases, and take jobs whose leases have lapsed."""
        self._leases_due = False
        self._alarm.call_at(self._next_look(), self._look_after_leases)
        for renewed, job_id in zip(
            await self._leases.renew(self.jobs), list(self._running), strict=True
        ):
            if renewed is None:
                self._cancel(job_id, Stop.LOST)
            elif renewed.cancel_requested:
                self._cancel(job_id, Stop.CANCEL)
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
            await self._leases.expire(self.worker.expired)
            self._alarm.ring()
            return False
        if self._limits.spent and await self._cut_chains():
            return False
        if self._ends == "idle":
            return True
        due = await self._leases.next_due(self.worker.queues)
        at = min((instant for instant in (due, lapse) if instant is not None), default=None)
        if self._ends == "finished":
            if at is None or (self._clock.mode == "held" and not self._clock.busy):
                return True
            if self._clock.jumps:
                self._clock.jump_to(at)
                self._alarm.ring()
                return False
        self._alarm.call_at(at, self._alarm.ring)
        return False

    async def _cut_chains(self) -> bool:
        """Cancel what would run oftener than it may; true when there was any."""
        queued = await self._queue.find(JobQuery(states=frozenset({State.QUEUED})))
        cut = [job for job in queued if self._limits.is_cut(job)]
        for job in cut:
            await self._queue.cancel(job.id)
        return bool(cut)

    def _close(self) -> None:
        self._alarm.close()
        self._clock.listeners.discard(self._look_after_leases)
        self._queue.listeners.discard(self._told)
        self._queue.runs.discard(self)
        self._over.set()

    def _look_after_leases(self) -> None:
        self._leases_due = True
        self._alarm.ring()

    def _told(self, job: Job | None) -> None:
        """The queue changed through this process: a job asked to stop, or perhaps new work."""
        if job is not None and job.id in self._running:
            self._cancel(job.id, Stop.CANCEL)
        self._alarm.ring()

    def _cancel(self, job_id: JobId, reason: Stop) -> None:
        if job_id not in self._stops and job_id in self._running:
            self._stops[job_id] = reason
            self._running[job_id][1].cancel()

    async def _give_back(self) -> None:
        """Stop everything in hand, and put the jobs back."""
        for job_id in list(self._running):
            self._cancel(job_id, Stop.RELEASE)
        tasks = [task for _, task in self._running.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_SECONDS)
        if self._ended:
            await self._record()
