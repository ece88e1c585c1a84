"""Tells a real Ctrl-C from other ends, and keeps from a cancellation what must not be cut."""

from __future__ import annotations

import asyncio
import dis
import signal
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, TypeVar

__all__ = ["interrupted", "raised_by_a_statement", "to_its_end"]

T = TypeVar("T")


def interrupted() -> bool:
    """Whether Ctrl-C has reached the runner of asyncio that drives this process.

    The runner turns the first one into a plain cancellation of its main task, and raises
    KeyboardInterrupt only when that task lets the cancellation out.
    """
    handler = signal.getsignal(signal.SIGINT)
    runner = getattr(getattr(handler, "func", None), "__self__", None)
    return getattr(runner, "_interrupt_count", 0) > 0


def raised_by_a_statement(frames: TracebackType | None) -> bool:
    """Whether a ``raise`` in Python code raised it, and not a signal between two instructions."""
    if frames is None:
        return False
    while frames.tb_next is not None:
        frames = frames.tb_next
    code = frames.tb_frame.f_code.co_code
    return code[frames.tb_lasti] == dis.opmap["RAISE_VARARGS"]


async def to_its_end(coroutine: Coroutine[Any, Any, T]) -> T:
    """Await what must not be cut in the middle. A cancellation comes out when it has ended."""
    task = asyncio.create_task(coroutine)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None and (task.cancelled() or task.exception() is None):
        raise cancelled
    return task.result()
