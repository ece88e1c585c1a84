"""Waiting with a limit in seconds of the loop or of the machine, whichever are over first.

On a clock that jumps the limit costs nothing; on one that stands still, it still ends.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pytest_taskq.engine.clock import give_way
from pytest_taskq.engine.loop_time import Background, LoopTime, call_real

__all__ = ["all_done", "comes_true", "is_true"]

TURNS = 100
POLL = 0.005


async def all_done(tasks: set[asyncio.Task[Any]], seconds: float) -> bool:
    """Whether these tasks have ended when the limit is over."""
    pending = {task for task in tasks if not task.done()}
    with _limit(seconds) as over:
        while pending and not over.done():
            await asyncio.wait({*pending, over}, return_when=asyncio.FIRST_COMPLETED)
            pending = {task for task in pending if not task.done()}
    return not pending


async def comes_true(
    ask: Callable[[], object], seconds: float, unless: Callable[[], bool] = lambda: False
) -> bool:
    """Whether what is asked becomes true within the limit, and not ``unless`` that comes first.

    It is asked again at each timer of the loop, so that a clock that jumps passes over nothing.
    """
    turns = TURNS
    with _limit(seconds) as over:
        while not over.done():
            if await is_true(ask):
                return True
            if unless():
                return False
            if turns:
                turns -= 1
                await give_way()
            else:
                await _next_moment(over)
        return await is_true(ask)


async def is_true(ask: Callable[[], object]) -> bool:
    """What a sync or async function says."""
    value = ask()
    return bool(await value if inspect.isawaitable(value) else value)


@contextmanager
def _limit(seconds: float) -> Iterator[asyncio.Future[None]]:
    """A future that is done when the limit is over."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()

    def end() -> None:
        if not over.done():
            over.set_result(None)

    timers = loop.call_later(seconds, end), call_real(seconds, end)
    try:
        yield over
    finally:
        for timer in timers:
            timer.cancel()
        over.cancel()


async def _next_moment(over: asyncio.Future[None]) -> None:
    """Wait for the next timer of the loop, or a few real milliseconds."""
    loop = asyncio.get_running_loop()
    moment: asyncio.Future[None] = loop.create_future()

    def come() -> None:
        if not moment.done():
            moment.set_result(None)

    timers: list[Any] = [call_real(POLL, come)]
    time = LoopTime.of(loop)
    at = None if time is None else time.next_timer()
    if time is not None and at is not None:
        # For its sake alone the clock does not jump; when it does, then to here first.
        seconds = max(at - time.clock.now(), 0) / 1e6
        timers.append(loop.call_later(seconds, Background(come)))
    try:
        await asyncio.wait({moment, over}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for timer in timers:
            timer.cancel()
