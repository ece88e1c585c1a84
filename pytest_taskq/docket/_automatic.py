"""Automatic tasks: scheduled when a worker begins, and again when their chain is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING

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


class Automatic:
    """While entered, the automatic tasks of a docket are scheduled, and kept so.

    One whose chain has ended is scheduled anew within a minute; time does not pass for its sake.
    """

    def __init__(self, docket: Docket) -> None:
        self._docket = docket
        self._seeding: asyncio.Task[None] | None = None

    @cached_property
    def _alarm(self) -> Alarm:
        """For the few chains that end."""
        return Alarm(self._docket.queue.clock)

    async def __aenter__(self) -> None:
        await self._schedule()
        self._docket.queue.history.listeners.append(self._see)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        frames: TracebackType | None,
    ) -> None:
        self._docket.queue.history.listeners.remove(self._see)
        if "_alarm" in vars(self):
            await self._alarm.aclose()
        if self._seeding is not None:
            self._seeding.cancel()
            await asyncio.gather(self._seeding, return_exceptions=True)

    async def _schedule(self) -> None:
        for name, perpetual in list(_automatic_of(self._docket)):
            # Looked at first, for asking a cron when it is due moves it on.
            if not await self._docket.jobs_under(name, LIVE):
                await self._docket.add(name, when=perpetual.initial_when, key=name)()

    def _see(self, event: Event) -> None:
        # Most chains go on by themselves, which is only seen later.
        if event.job.state in FINAL and event.job.key in self._docket.tasks:
            self._alarm.call_at(event.at + MINUTE, self._schedule_again, background=True)

    def _schedule_again(self) -> None:
        self._seeding = asyncio.ensure_future(self._schedule())


def _automatic_of(docket: Docket) -> Iterator[tuple[str, Perpetual]]:
    for name, function in docket.tasks.items():
        if function in standard_tasks:
            continue
        perpetual = get_single_dependency_parameter_of_type(function, Perpetual)
        if perpetual is not None and perpetual.automatic:
            yield name, perpetual
