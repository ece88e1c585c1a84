"""What the clock does and what tasks wait for, as text: in time-outs and in reports of failures."""

from __future__ import annotations

import asyncio
import re
import sysconfig
from collections import Counter
from datetime import timedelta
from functools import cache
from math import ceil
from pathlib import Path, PurePath
from types import FrameType, TracebackType
from typing import Any

from pytest_taskq.core.instants import to_datetime, to_instant
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.until_stopped import did_you_mean
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

PATHS = sysconfig.get_paths()
LIBRARIES = (
    str(Path(__file__).parents[1]),
    *(PATHS[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")),
)
"""Where the code is that is not the user's own: ours, Python's, and what is installed."""

INSTALLED = tuple(LIBRARIES[at] for at in (0, 3, 4))
"""Of these, what is not Python's."""

RAISES_AGAIN = str(Path(__file__).with_name("drain.py"))
"""What lets a job's exception out into the test: the frames before are not the job's."""

CALL = "__taskq_call__"
"""The local variable that says which call of ours a frame is: its name, and the user's line."""

UNITS = [("d", 86_400), ("h", 3_600), ("m", 60)]


def describe_waiting_tasks() -> str:
    """Which other asyncio tasks wait, and where, but for our own; empty when there is none.

    Waits in the library are told by the caller's line:
    ``consumer() waits in Condition.wait, test_shop.py:12``.
    """
    try:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
    except RuntimeError:
        return ""
    counts = Counter(_task_line(task) for task in tasks if not _is_of_ours(task))
    lines = [
        f"  {line}" if count == 1 else f"  {line} ({count} tasks)"
        for line, count in sorted(counts.items())
    ]
    return "\n".join(["Tasks that wait:", *lines]) if lines else ""


def describe_deadlock(
    clock: Clock, test: asyncio.Task[Any] | None = None, *, sync: bool = False, jobs: bool = False
) -> str:
    """Why a test that nothing can wake was ended: which tasks wait, where and on what.

    ``test``: its own task, which comes first. ``sync``: it cannot await. ``jobs``: it has queues.
    """
    tasks = asyncio.all_tasks()
    users = {task for task in tasks if task is test or _is_users(task)}
    waits = sorted((task is not test, *wait_of(task)) for task in users or tasks)
    told = " or ".join(f"{name} ({what}, {where})" for _, name, what, where in waits)
    timer = clock.next_timer() if clock.mode == "held" else None
    text = (
        f"deadlock: nothing can wake {told}.\nFor {clock.stuck_after:g} real seconds no task was "
        f"ready, no timer could fire, and nothing real, such as a thread or an answer, was "
        f"outstanding. {describe_clock(clock)}"
    )
    if timer is not None:
        drain = f'taskq.drain(until="{_step_to(timer - clock.time())}")'
        ways = [] if sync else ["`await taskq_clock.elapse(...)`"]
        if jobs or sync:
            ways.append(f"`{drain}`" if sync else f"`await {drain}`")
        text += (
            f"\nThe next timer is at {instant_text(to_instant(timer))}: let time pass with "
            f"{' or '.join(ways)}, or leave the clock auto."
        )
    asked = did_you_mean([test])
    return f"{text}\n{asked}" if asked else text


def _is_users(task: asyncio.Task[Any]) -> bool:
    """Whether a task runs the user's code, or has a name and is no library's own."""
    files = [frame.f_code.co_filename for frame in frames_of(task)]
    if any(not is_library(file) for file in files):
        return True
    return _has_name(task) and not any(file.startswith(INSTALLED) for file in files)


def _is_of_ours(task: asyncio.Task[Any]) -> bool:
    """Whether a task runs our code, and none of the user's."""
    files = [frame.f_code.co_filename for frame in frames_of(task)]
    return any(map(is_ours, files)) and all(map(is_library, files))


def _has_name(task: asyncio.Task[Any]) -> bool:
    return re.fullmatch(r"Task-\d+", task.get_name()) is None


def _step_to(wait: timedelta) -> str:
    """A duration that is enough, as ``drain`` takes it: ``"2h"``."""
    seconds = ceil(wait.total_seconds())
    unit, length = next((each for each in UNITS if each[1] <= seconds), ("s", 1))
    return f"{ceil(seconds / length)}{unit}"


def describe_clock(clock: Clock) -> str:
    """What the clock does, and what it says, as a sentence."""
    return f"The clock is {clock.mode} and stands at {instant_text(clock.now())}."


def _task_line(task: asyncio.Task[Any]) -> str:
    name, what, where = wait_of(task)
    begun = getattr(task.get_coro(), "cr_suspended", True)
    name = name if name.endswith(")") else f"{name}()"
    return f"{name} waits {what}, {where}" if begun else f"{name} has not begun, {where}"


def wait_of(task: asyncio.Task[Any]) -> tuple[str, str, str]:
    """Which task it is, what it waits on ("in Queue.get"), and at which line of the user's."""
    frames = frames_of(task)
    name = f"{task.get_name()}: " if _has_name(task) else ""
    if not frames:
        return f"{name}{in_one_line(task.get_coro())}", "on nothing that can be seen", "?"
    own = [frame for frame in frames if not is_library(frame.f_code.co_filename)]
    calls = [frame for frame in frames if CALL in frame.f_locals]
    if calls and not own:
        call, (file, line) = calls[0].f_locals[CALL]
        return call, "in sync code", f"{PurePath(file).name}:{line}"
    name += _name((own or frames)[0])
    at = own[-1] if own else frames[-1]
    where = f"{PurePath(at.f_code.co_filename).name}:{at.f_lineno}"
    called = frames[frames.index(at) + 1 :]
    plain = [frame for frame in called if not frame.f_code.co_name.startswith("__")]
    if called:
        calls = [frame for frame in called if frame in calls]
        what = calls[0].f_locals[CALL][0] if calls else _name((plain or called)[0])
        return name, f"in {what}", where
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

    Of several such frames the last: a job's exception that a run has raised again begins with
    the test's own, which are not the job's.
    """
    part, called = None, True
    while frames is not None:
        file = frames.tb_frame.f_code.co_filename
        if file == RAISES_AGAIN:
            part, called = None, True
        elif is_ours(file):
            called = True
        elif called and not is_library(file):
            part, called = frames, False
        frames = frames.tb_next
    return part


@cache
def is_library(filename: str) -> bool:
    """Whether code is not the user's own."""
    return filename.startswith(LIBRARIES) or filename.startswith("<frozen ")


def is_ours(filename: str) -> bool:
    """Whether code is of this package."""
    return filename.startswith(LIBRARIES[0])


def instant_text(instant: int) -> str:
    """An instant with its date, in UTC."""
    return to_datetime(instant).isoformat(sep=" ").replace("+00:00", " UTC")
