"""Checks that what was asked to stop has stopped for good."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from pytest_taskq.testing.promises import noted
from pytest_taskq.testing.workers._limit import all_done
from pytest_taskq.testing.workers._words import how_it_ended, waits_of

__all__ = ["Stoppable", "assert_stopped"]


class Stoppable(Protocol):
    """What can tell itself whether it has stopped, such as a ``RunningWorker``."""

    async def assert_stopped(self, *, within: float | None = None) -> None:
        """Raise AssertionError when it has not."""


@noted("taskq.assert_stopped")
async def assert_stopped(
    *what: asyncio.Task[Any] | Stoppable, within: float = 5.0, after: str = "stop()"
) -> None:
    """Wait until the tasks have ended, by themselves or cancelled.

    Raises AssertionError when one still runs after so many seconds, or has failed.

        await worker.stop()
        await taskq.assert_stopped(worker_task)
    """
    tasks = [each for each in what if isinstance(each, asyncio.Task)]
    if not await all_done(set(tasks), within):
        left = [task for task in tasks if not task.done()]
        raise AssertionError(f"still running {within:g} s after {after}: {waits_of(left)}")
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise AssertionError(f"it failed after {after}: {how_it_ended(task)}") from error
    for each in what:
        if not isinstance(each, asyncio.Task):
            await each.assert_stopped(within=within)
