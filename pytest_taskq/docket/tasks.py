"""The tasks that every docket has, to try a worker out with."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from pytest_taskq.docket._current import (
    CurrentDocket,
    CurrentExecution,
    CurrentWorker,
    TaskLog,
    TaskLogger,
)
from pytest_taskq.docket._retry import Retry
from pytest_taskq.docket._states import TaskFunction

__all__ = ["fail", "sleep", "standard_tasks", "trace"]

# ruff: noqa: B008 - a dependency is made for the default of a parameter


async def trace(
    message: str,
    logger: TaskLog = TaskLogger(),
    docket: Any = CurrentDocket(),
    worker: Any = CurrentWorker(),
    execution: Any = CurrentExecution(),
) -> None:
    """Write ``message`` into the log, and where and when it was scheduled."""
    late = docket.queue.clock.time() - execution.when
    logger.info(
        "%s: %s was due %s ago on %s, and runs on %s",
        message,
        execution.key,
        late,
        docket.name,
        worker.name,
    )


async def fail(
    message: str,
    worker: Any = CurrentWorker(),
    execution: Any = CurrentExecution(),
    retry: Retry = Retry(attempts=2),
) -> None:
    """Fail with ``message``, twice."""
    raise RuntimeError(f"{message}: {execution.key} runs on {worker.name}")


async def sleep(seconds: float, logger: TaskLog = TaskLogger()) -> None:
    """Take so many seconds."""
    logger.info("Sleeping for %s seconds", seconds)
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()


standard_tasks: list[TaskFunction] = [trace, fail, sleep]
