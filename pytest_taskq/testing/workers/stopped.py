"""Checks that what was asked to stop has stopped for good."""

from __future__ import annotations

import asyncio
from typing import Any

from pytest_taskq.testing.workers._limit import all_done
from pytest_taskq.testing.workers._words import how_it_ended, waits_of

__all__ = ["assert_stopped"]


async def assert_stopped(
    *tasks: asyncio.Task[Any], within: float = 5.0, after: str = "stop()"
) -> None:
    """Wait until the tasks have ended, by themselves or cancelled.

    Raises AssertionError when one still runs after so many seconds, or has failed.

        await worker.stop()
        await assert_stopped(worker_task)
    """
    if not await all_done(set(tasks), within):
        left = [task for task in tasks if not task.done()]
        raise AssertionError(f"still running {within:g} s after {after}: {waits_of(left)}")
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise AssertionError(f"it failed after {after}: {how_it_ended(task)}") from error
