"""The attempts that a run has in hand: started, stopped and ended, and none of them lost."""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pytest_taskq.core.job import Job, State
from pytest_taskq.core.outcome import Cancelled, Failed
from pytest_taskq.core.store import JobQuery, Store
from pytest_taskq.engine.alarm import Alarm
from pytest_taskq.engine.execute import Hand, Stop, describe_failure, execute
from pytest_taskq.engine.leases import Ended, Leases
from pytest_taskq.engine.loop_time import call_real
from pytest_taskq.engine.tasks import CURRENT_JOB, Attempt
from pytest_taskq.engine.until_stopped import stuck_run

if TYPE_CHECKING:
    from pytest_taskq.engine.worker import Worker

__all__ = ["Hands"]

RUNNING = JobQuery(states=frozenset({State.RUNNING}))


class Hands:
    """Starts attempts, each in an asyncio task of its own, and collects how they ended.

    ``ended`` waits to be recorded; the alarm rings when there is more. ``interrupt`` is what is
    to end the whole run. ``run``: the asyncio task of the run.
    """

    def __init__(self, worker: Worker, alarm: Alarm, run: asyncio.Task[Any] | None) -> None:
        self._worker = worker
        self._alarm = alarm
        self._run = run
        self._hands: dict[int, Hand] = {}
        self.ended: list[Ended] = []
        self.interrupt: BaseException | None = None

    def __len__(self) -> int:
        return len(self._hands)

    @property
    def jobs(self) -> list[Job]:
        """The jobs in hand, as they were claimed."""
        return [hand.job for hand in self._hands.values()]

    def start(self, job: Job) -> None:
        """Begin an attempt of a claimed job."""
        hand = Hand(job, self._run)
        self._hands[id(hand)] = hand
        hand.task = asyncio.get_running_loop().create_task(self._attempt(hand))

    def tell_of_end(self) -> None:
        """Tell the log that the run ends after these."""
        told = "Shutdown requested, finishing %d jobs in hand"
        logging.getLogger(__name__).info(told, len(self))

    def end_without_run(self, ended: Iterable[Ended]) -> None:
        """Have these recorded, though nothing of theirs ran."""
        self.ended += ended
        self._alarm.ring()

    def stop(self, reason: Stop, job: Job | None = None) -> None:
        """Cancel the attempts of one job, or all; each is stopped for one reason only."""
        for hand in self._hands.values():
            if (job is None or hand.job.id == job.id) and hand.reason is None:
                hand.reason = reason
                # Cancelled before its first step, a task never runs, not even its `finally`.
                if hand.begun and hand.task is not None:
                    hand.task.cancel()

    async def renew(self, leases: Leases) -> None:
        """Prolong the leases, and stop what is no longer ours or was cancelled."""
        jobs = self.jobs
        for job, renewed in zip(jobs, await leases.renew(jobs), strict=True):
            if renewed is None:
                self.stop(Stop.LOST, job)
            elif renewed.cancel_requested:
                self.stop(Stop.CANCEL, job)

    async def stop_cancelled(self, store: Store) -> None:
        """Stop what somebody cancelled through another queue on the store."""
        if store.immediate:  # others may have many more in hand than this run
            found = [await store.get(job.id) for job in self.jobs]
        else:
            found = [*await store.find(RUNNING)]
        for job in found:
            if job is not None and job.cancel_requested:
                self.stop(Stop.CANCEL, job)

    async def wait(self, seconds: float) -> None:
        """Wait until the attempts in hand have ended, so many real seconds at most."""
        tasks = [hand.task for hand in self._hands.values() if hand.task is not None]
        if tasks:
            waiting = asyncio.ensure_future(asyncio.wait(tasks))
            limit = call_real(seconds, waiting.cancel)
            try:
                await asyncio.wait({waiting})
            finally:
                limit.cancel()
                waiting.cancel()

    def abandon(self) -> list[Job]:
        """Give back the jobs of attempts that did not stop, and forget them; which those are."""
        left = list(self._hands.values())
        for hand in left:
            self._over(hand, Ended(hand.job, self._worker.put_back(hand.job)))
        return [hand.job for hand in left if hand.task is not None and not hand.task.done()]

    def lose_patience(self, seconds: float) -> None:
        """Abandon what was cancelled so long ago and still runs, and name it."""
        for job in self.abandon():
            warnings.warn(
                f"Job {job.id} ({job.task}) does not stop. It was cancelled {seconds:g} s ago "
                f"and still runs; the job went back to the queue. Let CancelledError out of it.",
                stacklevel=1,
            )

    def is_stuck(self, jumps: int) -> None:
        """End the run when nothing in it can move, and nobody else looks after that."""
        if jumps:
            return
        self.interrupt = stuck_run(self._worker.queue.clock, (job.task for job in self.jobs))
        self._alarm.ring()

    async def _attempt(self, hand: Hand) -> None:
        """The body of an attempt's own asyncio task."""
        hand.begun = True
        job = hand.job
        CURRENT_JOB.set((self._worker.queue, job.id))
        ended = Ended(job, None)
        try:
            if hand.reason is None:
                ended = await self._call(hand)
            elif hand.reason is Stop.CANCEL:
                ended = Ended(job, Cancelled("cancelled before it began"))
        except KeyboardInterrupt as error:
            self.interrupt = error
        except BaseException as error:  # noqa: BLE001 - escapes, and faults in a task's hooks
            ended = Ended(job, Failed(describe_failure(error)), error)
            if isinstance(error, self._worker.queue.escapes):
                self.interrupt = error
        finally:
            self._over(hand, ended)

    async def _call(self, hand: Hand) -> Ended:
        job = hand.job
        try:
            args, kwargs = self._worker.tasks.arguments(job)
            task = self._worker.tasks[job.task]
        except Exception as error:  # noqa: BLE001 - what cannot be run must not be lost
            return Ended(job, Failed(describe_failure(error)), error)
        attempt = Attempt(job, args, kwargs, self._worker, hand.is_stopped)
        return await execute(attempt, task, hand)

    def _over(self, hand: Hand, ended: Ended) -> None:
        """Once for each hand: an attempt that was abandoned may still end by itself."""
        if self._hands.pop(id(hand), None) is not None:
            self.ended.append(ended)
            self._alarm.ring()
