"""Ends tasks, and leaves behind what takes no cancellation: a loop's close would wait for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from pytest_taskq.testing.workers._limit import all_done
from pytest_taskq.testing.workers._words import waits_of

__all__ = ["cancel_or_abandon", "ending", "left_behind"]

GRACE = 1.0  # seconds to end in, once cancelled

_FOR_GOOD: list[asyncio.Task[Any]] = []
"""Kept: collected, each would be told of in some other test."""


async def cancel_or_abandon(tasks: Iterable[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
    """Cancel the tasks. The loop forgets those that do not end then; and they are returned."""
    going_on = {task for task in tasks if not task.done()}
    if not going_on:
        return []
    for task in going_on:
        task.cancel()
    await all_done(going_on, GRACE)
    left = [task for task in going_on if not task.done()]
    for task in left:
        asyncio.tasks._unregister_task(task)  # noqa: SLF001 - documented, for other loops
    _FOR_GOOD.extend(left)
    return left


def left_behind(tasks: Iterable[asyncio.Task[Any]]) -> str:
    """What to say of them beside the failure."""
    return f"It takes no cancellation either, and was left behind: {waits_of(tasks)}"


@asynccontextmanager
async def ending(task: asyncio.Task[Any]) -> AsyncIterator[None]:
    """Leave nothing of a task after the block.

    One that does not end then is told beside what the block raises, or raised as AssertionError.
    """
    task.add_done_callback(_ask)
    try:
        yield
    except BaseException as problem:
        if left := await cancel_or_abandon([task]):
            problem.add_note(left_behind(left))
        raise
    if left := await cancel_or_abandon([task]):
        raise AssertionError(f"it takes no cancellation, and was left behind: {waits_of(left)}")


def _ask(task: asyncio.Task[Any]) -> None:
    """Hear its exception, or Python would complain that nobody has."""
    if not task.cancelled():
        task.exception()
