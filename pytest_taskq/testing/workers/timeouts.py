"""Checks that something gives up when it should."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from pytest_taskq.engine.loop_time import LoopTime
from pytest_taskq.testing.promises import noted
from pytest_taskq.testing.workers._abandon import ending
from pytest_taskq.testing.workers._limit import all_done
from pytest_taskq.testing.workers._words import how_it_ended, waiting

__all__ = ["assert_times_out"]

GRACE = 1.0  # seconds, after which it does not give up at all
EXACT = 1e-3  # seconds by which a timer of the loop may be early


@noted("taskq.assert_times_out")
async def assert_times_out(
    work: Coroutine[Any, Any, Any], *, after: float, error: type[BaseException] = TimeoutError
) -> None:
    """Check that it raises ``error`` after so many seconds of the loop, and not before.

    On a clock that jumps this takes no time. Raises AssertionError, with what came instead.

        await assert_times_out(fetch(url, timeout=1), after=1)
    """
    loop = asyncio.get_running_loop()
    unit = " (virtual)" if LoopTime.of(loop) is not None else ""
    started = loop.time()
    task = asyncio.create_task(work)
    async with ending(task):
        ended = await all_done({task}, after + GRACE)
        took = loop.time() - started
        expected = f"expected a timeout after {after:g} s, "
        if not ended:
            raise AssertionError(
                f"{expected}still running after {took:.3g} s{unit}: {waiting(task)}"
            )
        raised = None if task.cancelled() else task.exception()
        if not isinstance(raised, error):
            verb = "returned" if raised is None else f"raised {type(raised).__name__}"
            raise AssertionError(
                f"{expected}it {verb} after {took:.3g} s{unit}: {how_it_ended(task)}"
            ) from raised
        if took < after - EXACT:
            raise AssertionError(f"{expected}it came after {took:.3g} s{unit}")
