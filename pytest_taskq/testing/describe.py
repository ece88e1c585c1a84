"""What queues and tasks look like, as text for people: in time-outs and in reports of failures."""

from __future__ import annotations

import asyncio
import re
import sysconfig
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath
from types import FrameType
from typing import Any

from pytest_taskq.core.instants import to_datetime, to_instant
from pytest_taskq.core.job import Failure, Job, State
from pytest_taskq.core.payload import decode_call
from pytest_taskq.core.store import JobQuery
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue

__all__ = ["describe_deadlock", "describe_queue", "describe_waiting_tasks", "in_one_line"]

SHOWN = 20
_EVERY = JobQuery()
WIDTH = 100
LIBRARIES = (
    str(Path(__file__).parents[1]),
    *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
)
"""Where the code is that is not the user's own: ours, Python's, and what is installed."""


def describe_queue(queue: Queue) -> str:
    """The clock, the jobs with their states, and the errors of those that failed."""
    jobs = queue.sync(queue.store.find(_EVERY))
    if not jobs:
        return f"{_clock_line(queue.clock)}\nThe queue is empty: no job was enqueued."
    shown = jobs if len(jobs) <= SHOWN else [*jobs[: SHOWN // 2], *jobs[-SHOWN // 2 :]]
    lines = [_clock_line(queue.clock), _counts_line(jobs)]
    lines += [_job_line(job, queue.clock.now()) for job in shown]
    if len(shown) < len(jobs):
        lines.insert(2 + SHOWN // 2, f"  ... {len(jobs) - len(shown)} more ...")
    lines += _failures(queue)
    return "\n".join(lines)


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
    waits = [_wait_of(task) for task in asyncio.all_tasks()]
    told = " or ".join(sorted(f"{name} ({what}, {where})" for name, what, where in waits))
    timer = clock.next_timer()
    text = (
        f"deadlock: nothing can wake {told}.\nFor {seconds:g} real seconds no task was ready, no "
        f"timer could fire, and nothing real, such as a thread or an answer, was outstanding. "
        f"{_clock_line(clock)}"
    )
    if timer is not None:
        text += (
            f"\nThe next timer is at {_text(to_instant(timer))}: let time pass with "
            f"`await taskq_clock.elapse(...)`, or leave the clock auto."
        )
    return text


def in_one_line(value: object, to_text: Callable[[object], str] = repr) -> str:
    """The value as a short text, also when its own ``repr`` or ``str`` raises."""
    try:
        text = to_text(value)
    except Exception as broken:  # noqa: BLE001 - a report must not fail on what it reports
        return f"<a {type(value).__name__} that cannot be shown: {type(broken).__name__}>"
    first = text.splitlines()[0] if text else ""
    return first if len(first) <= WIDTH else first[: WIDTH - 3] + "..."


def _clock_line(clock: Clock) -> str:
    return f"The clock is {clock.mode} and stands at {_text(clock.now())}."


def _counts_line(jobs: Sequence[Job]) -> str:
    counts = {state: sum(job.state is state for job in jobs) for state in State}
    parts = [f"{count} {state}" for state, count in counts.items() if count]
    return f"{len(jobs)} {'job' if len(jobs) == 1 else 'jobs'}: {', '.join(parts)}."


def _job_line(job: Job, now: int) -> str:
    parts = [f"  #{job.id}", f"{job.task}{_arguments(job)}", str(job.state)]
    if job.attempt:
        parts.append(f"attempt {job.attempt}")
    if job.state is State.QUEUED and job.due_at > now:
        parts.append(f"due at {_text(job.due_at)}")
    if job.queue != "default":
        parts.append(f"queue {job.queue}")
    if job.key is not None and not job.labels.get("fresh_key"):
        parts.append(f"key {in_one_line(job.key, str)}")
    if job.failure is not None:
        message = in_one_line(job.failure.message, str)
        parts.append(f"{job.failure.type_name}: {message}".removesuffix(": "))
    return "  ".join(parts)


def _arguments(job: Job) -> str:
    try:
        args, kwargs = decode_call(job.payload)
    except Exception:  # noqa: BLE001 - a report must not fail on what it reports
        return "(?)"
    shown = [in_one_line(value) for value in args]
    shown += [f"{name}={in_one_line(value)}" for name, value in kwargs.items()]
    text = ", ".join(shown)
    return f"({text})" if len(text) <= WIDTH // 2 else f"({text[: WIDTH // 2]}...)"


def _failures(queue: Queue) -> list[str]:
    """The traceback of the last failure of each job, the library's own frames left out."""
    last: dict[int, tuple[Job, Failure, BaseException]] = {}
    for event in queue.history:
        if event.error is not None and event.job.failure is not None:
            last[event.job.id] = (event.job, event.job.failure, event.error)
    lines: list[str] = []
    for job, failure, error in list(last.values())[:SHOWN]:
        lines += ["", f"Job #{job.id} ({job.task}) failed in attempt {job.attempt}:"]
        lines += ["  " + line for line in _traceback(error, failure)]
    return lines


def _traceback(error: BaseException, failure: Failure) -> list[str]:
    """The traceback from the first frame on that is the user's own."""
    place = error.__traceback__
    while place is not None and _is_library(place.tb_frame.f_code.co_filename):
        place = place.tb_next
    try:
        text = "".join(traceback.format_exception(type(error), error, place))
    except Exception:  # noqa: BLE001 - its own message cannot be shown; the failure says so
        text = ""
    return (text if text and place is not None else failure.traceback).rstrip().splitlines()


def _task_line(task: asyncio.Task[Any]) -> str:
    name, what, where = _wait_of(task)
    begun = getattr(task.get_coro(), "cr_suspended", True)
    return f"{name}() waits {what}, {where}" if begun else f"{name}() has not begun, {where}"


def _wait_of(task: asyncio.Task[Any]) -> tuple[str, str, str]:
    """Which task it is, what it waits on, and at which line of the user's."""
    frames = _frames(task)
    name = "" if re.fullmatch(r"Task-\d+", task.get_name()) else f"{task.get_name()}: "
    if not frames:
        return f"{name}{in_one_line(task.get_coro())}", "on nothing that can be seen", "?"
    own = [frame for frame in frames if not _is_library(frame.f_code.co_filename)]
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


def _frames(task: asyncio.Task[Any]) -> list[FrameType]:
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


def _is_library(filename: str) -> bool:
    return filename.startswith(LIBRARIES) or filename.startswith("<frozen ")


def _text(instant: int) -> str:
    return to_datetime(instant).isoformat(sep=" ").replace("+00:00", " UTC")
