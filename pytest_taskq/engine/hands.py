"""The attempts that a run has in hand: started, stopped and ended, and none of them lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from pytest_taskq.core.job import Job
from pytest_taskq.core.outcome import Cancelled, Failed
from pytest_taskq.core.payload import decode_call
from pytest_taskq.engine.alarm import Alarm
from pytest_taskq.engine.execute import Hand, Stop, describe_failure, execute
from pytest_taskq.engine.leases import Ended
from pytest_taskq.engine.tasks import CURRENT_JOB, Attempt

if TYPE_CHECKING:
    from pytest_taskq.engine.worker import Worker

__all__ = ["Hands"]


class Hands:
    """Starts attempts, each in an asyncio task of its own, and collects how they ended.

    ``ended`` waits to be recorded; the alarm rings when there is more. ``interrupt`` is what is
    to end the whole run. ``stopping`` says whether the run itself is being cancelled.
    """

    def __init__(self, worker: Worker, alarm: Alarm, stopping: Callable[[], bool]) -> None:
        self._worker = worker
        self._clock = worker.queue.clock
        self._alarm = alarm
        self._stopping = stopping
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
        self._clock.begin()
        hand = Hand(job)
        self._hands[id(hand)] = hand
        hand.task = asyncio.create_task(self._attempt(hand))

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

    async def wait(self, seconds: float) -> None:
        """Wait until the attempts in hand have ended, so many real seconds at most."""
        tasks = [hand.task for hand in self._hands.values() if hand.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    def abandon(self) -> list[Job]:
        """Give back the jobs of attempts that did not stop, and forget them; which those are."""
        left = list(self._hands.values())
        for hand in left:
            self._over(hand, Ended(hand.job, None))
        return [hand.job for hand in left if hand.task is not None and not hand.task.done()]

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
        except asyncio.CancelledError as error:
            # Not by the worker: the loop is closing, or the task has cancelled itself.
            if not self._stopping():
                ended = Ended(job, Failed(describe_failure(error)), error)
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
            args, kwargs = decode_call(job.payload)
            task = self._worker.tasks[job.task]
        except Exception as error:  # noqa: BLE001 - what cannot be run must not be lost
            return Ended(job, Failed(describe_failure(error)), error)
        return await execute(Attempt(job, args, kwargs, self._worker), task, hand)

    def _over(self, hand: Hand, ended: Ended) -> None:
        """Once for each hand: an attempt that was abandoned may still end by itself."""
        if self._hands.pop(id(hand), None) is not None:
            self.ended.append(ended)
            self._clock.end()
            self._alarm.ring()
