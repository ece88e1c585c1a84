"""Looks after one async test: what it leaves running, loses, and blocks, is told when it ends."""

from __future__ import annotations

import asyncio
import traceback
from contextlib import ExitStack

from pytest_taskq.testing.workers._abandon import cancel_or_abandon, left_behind
from pytest_taskq.testing.workers._births import Birthplaces, births
from pytest_taskq.testing.workers.blocking import BlockingWatch
from pytest_taskq.testing.workers.exceptions import LostExceptions
from pytest_taskq.testing.workers.leaks import describe_tasks, leaked_tasks

__all__ = ["TestWatch"]


class TestWatch:
    """Begun and ended inside the coroutine of the test.

    ``tasks``: those left running are told, and ended; ``exceptions``: those of background tasks
    that nobody asked for; ``noblock``: how many real seconds one step of the loop may take.
    """

    __test__ = False  # it is no test, whatever its name

    def __init__(
        self, *, tasks: bool = False, exceptions: bool = False, noblock: float | None = None
    ) -> None:
        self._wants_tasks = tasks
        self._places = Birthplaces()
        self._lost = LostExceptions() if exceptions else None
        self._blocking = None if noblock is None else BlockingWatch(noblock)
        self._in_place = ExitStack()

    async def begin(self) -> None:
        """Watch from now on."""
        loop = asyncio.get_running_loop()
        if self._blocking is not None:
            await self._blocking.begin()
        self._before = asyncio.all_tasks() if self._wants_tasks else set()
        if self._wants_tasks or self._lost is not None:
            self._in_place.enter_context(births(loop, self._places.note))
        if self._lost is not None:
            self._lost.begin(loop)

    def close(self) -> None:
        """Watch no more."""
        if self._blocking is not None:
            self._blocking.end()
        if self._lost is not None:
            self._lost.end()
        self._in_place.close()

    async def end(self) -> list[str]:
        """Watch no more. What was wrong, each with all that is known of it."""
        problems = []
        if self._blocking is not None:
            self._blocking.end()
            problems += self._blocking.describe().splitlines()
        left = await leaked_tasks(self._before, self._places) if self._wants_tasks else []
        if left:
            problems.append(describe_tasks(left, self._places))
        if self._lost is not None:
            self._lost.end(self._places.tasks())
            if told := self._lost.describe():
                problems.append(told)
            if self._lost.error is not None:
                problems.append("".join(traceback.format_exception(self._lost.error)).rstrip())
        self._in_place.close()
        if abandoned := await cancel_or_abandon(left):
            problems.append(left_behind(abandoned))
        return problems
