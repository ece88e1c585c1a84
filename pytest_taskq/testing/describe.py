"""What the clock does and what tasks wait for, as text: in time-outs and in reports of failures."""

from __future__ import annotations

import asyncio
import re
import sysconfig
from collections import Counter
from pathlib import Path, PurePath
from types import FrameType, TracebackType
from typing import Any

from pytest_taskq.core.instants import to_datetime, to_instant
from pytest_taskq.engine.clock import Clock
from pytest_taskq.testing.text import in_one_line

__all__ = [
    "describe_clock",
    "describe_deadlock",
    "describe_waiting_tasks",
    "frames_of",
    "in_one_line",
    "instant_text",
    "is_library",
    "is_ours",
    "user_part",
    "wait_of",
]

LIBRARIES = (
    str(Path(__file__).parents[1]),
    *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
)
"""Where the code is that is not the user's own: ours, Python's, and what is installed."""


def describe_waiting_tasks() -> str:
    """Which other asyncio tasks there are, and where each waits; empty when there is none.

    Waits in the library are told by the caller's line:
    ``consumer() waits in Condition.wait, test_shop.py:12``.
    """
    try:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
    except RuntimeError:
        return ""
    counts = Counter(_task_line(task) for task in tasks)
    lines = [
        f"  {line}" if count == 1 else f"  {line} ({count} tasks)"
        for line, count in sorted(counts.items())
    ]
    return "\n".join(["Tasks that wait:", *lines]) if lines else ""


def describe_deadlock(clock: Clock, seconds: float) -> str:
    """Why a test that nothing can wake was ended: which tasks wait, where and on what."""
    waits = [wait_of(task) for task in asyncio.all_tasks()]
    told = " or ".join(sorted(f"{name} ({what}, {where})" for name, what, where in waits))
    timer = clock.next_timer() if clock.mode == "held" else None
    text = (
        f"deadlock: nothing can wake {told}.\nFor {seconds:g} real seconds no task was ready, no "
        f"timer could fire, and nothing real, such as a thread or an answer, was outstanding. "
        f"{describe_clock(clock)}"
    )
    if timer is not None:
        text += (
            f"\nThe next timer is at {instant_text(to_instant(timer))}: let time pass with "
            f"`await taskq_clock.elapse(...)`, or leave the clock auto."
        )
    return text


def describe_clock(clock: Clock) -> str:
    """What the clock does, and what it says, as a sentence."""
    return f"The clock is {clock.mode} and stands at {instant_text(clock.now())}."


def _task_line(task: asyncio.Task[Any]) -> str:
    name, what, where = wait_of(task)
    begun = getattr(task.get_coro(), "cr_suspended", True)
    return f"{name}() waits {what}, {where}" if begun else f"{name}() has not begun, {where}"


def wait_of(task: asyncio.Task[Any]) -> tuple[str, str, str]:
    """Which task it is, what it waits on ("in Queue.get"), and at which line of the user's."""
    frames = frames_of(task)
    name = "" if re.fullmatch(r"Task-\d+", task.get_name()) else f"{task.get_name()}: "
    if not frames:
        return f"{name}{in_one_line(task.get_coro())}", "on nothing that can be seen", "?"
    own = [frame for frame in frames if not is_library(frame.f_code.co_filename)]
    name += _name((own or frames)[0])
    at = own[-1] if own else frames[-1]
    where = f"{PurePath(at.f_code.co_filename).name}:{at.f_lineno}"
    called = frames[frames.index(at) + 1 :]
    plain = [frame for frame in called if not frame.f_code.co_name.startswith("__")]
    if called:
        return name, f"in {_name((plain or called)[0])}", where
    # What a task awaits without a frame between, only the task itself knows.
    return name, _waits_for(getattr(task, "_fut_waiter", None)), where


def _waits_for(waiter: object) -> str:
    if waiter is None:
        return "for its turn"
    if isinstance(waiter, asyncio.Task):
        return f"for {waiter.get_name()}"
    return "in gather" if "Gathering" in type(waiter).__name__ else "for a future"


def frames_of(task: asyncio.Task[Any]) -> list[FrameType]:
    """The frames of a suspended task, from its own coroutine to what it awaits at the bottom."""
    frames: list[FrameType] = []
    awaited: object = task.get_coro()
    while awaited is not None:
        kind = next((kind for kind in ("cr", "gi", "ag") if hasattr(awaited, f"{kind}_frame")), "")
        frame = getattr(awaited, f"{kind}_frame", None)
        if isinstance(frame, FrameType):
            frames.append(frame)
        awaited = getattr(awaited, f"{kind}_{'yieldfrom' if kind == 'gi' else 'await'}", None)
    return frames


def _name(frame: FrameType) -> str:
    return frame.f_code.co_qualname.rpartition("<locals>.")[2]


def user_part(frames: TracebackType | None) -> TracebackType | None:
    """A traceback from the frame on where ours called the user's code; None where it did not.

    Of several such frames the last: a job's exception that a test has raised again begins with
    the test's own.
    """
    part, called = None, True
    while frames is not None:
        file = frames.tb_frame.f_code.co_filename
        if is_ours(file):
            called = True
        elif called and not is_library(file):
            part, called = frames, False
        frames = frames.tb_next
    return part


def is_library(filename: str) -> bool:
    """Whether code is not the user's own."""
    return filename.startswith(LIBRARIES) or filename.startswith("<frozen ")


def is_ours(filename: str) -> bool:
    """Whether code is of this package."""
    return filename.startswith(LIBRARIES[0])


def instant_text(instant: int) -> str:
    """An instant with its date, in UTC."""
    return to_datetime(instant).isoformat(sep=" ").replace("+00:00", " UTC")
