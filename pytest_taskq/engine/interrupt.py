"""Tells a real Ctrl-C from what a task raises or a caller cancels."""

from __future__ import annotations

import dis
import signal
from types import TracebackType

__all__ = ["interrupted", "raised_by_a_statement"]


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
