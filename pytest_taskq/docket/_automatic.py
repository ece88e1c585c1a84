"""Automatic tasks: scheduled when a worker begins, and again when their chain is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from pytest_taskq.core.instants import Instant
from pytest_taskq.core.job import FINAL
from pytest_taskq.docket._perpetual import Perpetual
from pytest_taskq.docket._plan import get_single_dependency_parameter_of_type
from pytest_taskq.docket._states import LIVE
from pytest_taskq.docket.tasks import standard_tasks
from pytest_taskq.engine.alarm import Alarm
from pytest_taskq.engine.history import Event

if TYPE_CHECKING:
    from pytest_taskq.docket.docket import Docket

__all__ = ["Automatic"]

MINUTE = 60_000_000
T = TypeVar("T")


class Automatic:
    """During a run, the automatic tasks of a docket are scheduled, and kept so.

    One whose chain has ended, and one that is registered meanwhile, is scheduled within a minute;
    time does not pass for its sake. Where there is none, there is nothing to be looked after.
    """

    def __init__(self, docket: Docket) -> None:
        self._docket = docket
        self._loop = asyncio.get_running_loop()
        self._alarm: Alarm | None = None
        self._seeding: asyncio.Task[None] | None = None

    async def during(self, run: Callable[[], Awaitable[T]]) -> T:
        """Run a worker, and look after them."""
        self._docket.registered.append(self._look)
        try:
            if self._watch():
                await self._schedule()
            return await run()
        finally:
            self._docket.registered.remove(self._look)
            if self._alarm is not None:
                self._docket.queue.history.listeners.remove(self._see)
                await self._alarm.aclose()
            if self._seeding is not None:
                self._seeding.cancel()
                await asyncio.gather(self._seeding, return_exceptions=True)

    async def _schedule(self) -> None:
        for name, perpetual in list(_automatic_of(self._docket)):
            # Looked at first, for asking a cron when it is due moves it on.
            if not await self._docket.jobs_under(name, LIVE):
                await self._docket.add(name, when=perpetual.initial_when, key=name)()

    def _watch(self) -> bool:
        """Begin to see what becomes of them; true when there are any, and it was not begun yet."""
        if self._alarm is not None or not any(True for _ in _automatic_of(self._docket)):
            return False
        self._alarm = Alarm(self._docket.queue.clock)
        self._docket.queue.history.listeners.append(self._see)
        return True

    def _look(self) -> None:
        """A task was registered, perhaps in another thread."""
        self._loop.call_soon_threadsafe(self._consider)

    def _consider(self) -> None:
        if self._look in self._docket.registered:  # or the run has ended meanwhile
            self._watch()
            self._schedule_within_a_minute(self._docket.queue.clock.now())

    def _see(self, event: Event) -> None:
        # Most chains go on by themselves, which is only seen later.
        if event.job.state in FINAL and event.job.key in self._docket.tasks:
            self._schedule_within_a_minute(event.at)

    def _schedule_within_a_minute(self, now: Instant) -> None:
        if self._alarm is not None:
            self._alarm.call_at(now + MINUTE, self._schedule_again, background=True)

    def _schedule_again(self) -> None:
        self._seeding = asyncio.ensure_future(self._schedule())


def _automatic_of(docket: Docket) -> Iterator[tuple[str, Perpetual]]:
    for name, function in docket.tasks.items():
        if function in standard_tasks:
            continue
        perpetual = get_single_dependency_parameter_of_type(function, Perpetual)
        if perpetual is not None and perpetual.automatic:
            yield name, perpetual
