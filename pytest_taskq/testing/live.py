"""Live workers of the queues under test, for the length of a block."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from pytest_taskq.engine.clock import take_turns

if TYPE_CHECKING:
    from pytest_taskq.engine.under_test import AppUnderTest

__all__ = ["live_workers"]


@asynccontextmanager
async def live_workers(apps: Sequence[AppUnderTest], workers: int) -> AsyncIterator[None]:
    """So many of each app, ended as their library ends them; at once where the block raises."""
    tasks = [
        asyncio.create_task(app.run_forever(workers=workers), name=f"{app.library} workers")
        for app in apps
    ]
    raised = True
    try:
        yield
        raised = False
    finally:
        for task in tasks:
            task.cancel()
        if raised:
            # The first lets the jobs in hand end, and these may wait for what never comes.
            await take_turns()
            for task in tasks:
                task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
