"""Lets sync code defer: from a test, from a thread, or from a sync task that a worker runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any, TypeVar

from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.tasks import call_function

__all__ = ["call_task_function", "refuse_running_loop", "run_sync"]

T = TypeVar("T")

_WORKER_LOOP: ContextVar[asyncio.AbstractEventLoop | None] = ContextVar(
    "taskq_procrastinate_loop", default=None
)


async def call_task_function(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a sync function in a thread that knows the loop of its worker."""
    _WORKER_LOOP.set(asyncio.get_running_loop())
    return await call_function(function, *args, **kwargs)


def refuse_running_loop(call: str) -> None:
    """Raise RuntimeError where a loop runs in this thread, as Procrastinate 3.10."""
    if asyncio._get_running_loop() is not None:  # noqa: SLF001 - documented, None without a loop
        raise RuntimeError(
            f"{call}() cannot be used here. An event loop is running in this thread. "
            f"Await {call}_async() instead."
        )


def run_sync(
    call: str, queue: Queue, coroutine_function: Callable[[], Coroutine[Any, Any, T]]
) -> T:
    """Run what ``call`` does on the queue from sync code.

    In the thread of a sync task that is on the worker's loop, so that the two never touch the
    store at once.
    """
    refuse_running_loop(call)
    loop = _WORKER_LOOP.get()
    if loop is not None and loop.is_running():
        return asyncio.run_coroutine_threadsafe(coroutine_function(), loop).result()
    return queue.sync(coroutine_function())
