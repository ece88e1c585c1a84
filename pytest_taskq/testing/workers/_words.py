"""How these helpers speak of tasks, errors and numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from pytest_taskq.testing.describe import frames_of, is_library, wait_of
from pytest_taskq.testing.text import in_one_line
from pytest_taskq.testing.workers._source import called_at, place_of

__all__ = ["how_it_ended", "suspended_in", "waiting", "waits_of"]


def waiting(task: asyncio.Task[Any]) -> str:
    """What a task waits on: "Worker.run waits on Queue.get (worker.py:41)"."""
    name, what, where = wait_of(task)
    verb = "waits" if getattr(task.get_coro(), "cr_suspended", True) else "has not begun; it waits"
    return f"{name} {verb} {what.replace('in ', 'on ', 1)} ({where})"


def waits_of(tasks: Iterable[asyncio.Task[Any]]) -> str:
    """What several tasks wait on."""
    return " and ".join(sorted(map(waiting, tasks)))


def suspended_in(task: asyncio.Task[Any]) -> str:
    """What the user's own code awaits, as its source has it: "save > db.commit, shop.py:12"."""
    frames = frames_of(task)
    own = [frame for frame in frames if not is_library(frame.f_code.co_filename)]
    if not own:
        return wait_of(task)[1]
    calls = [called_at(frame.f_code, frame.f_lasti) for frame in own]
    chain = [call for call in calls if call] or [wait_of(task)[1].removeprefix("in ")]
    return f"{' > '.join(chain)}, {place_of(own[-1].f_code, own[-1].f_lineno)}"


def how_it_ended(task: asyncio.Task[Any]) -> str:
    """What became of a task that is done: an error, or what it returned."""
    if task.cancelled():
        return "it was cancelled"
    error = task.exception()
    return f"it returned {in_one_line(task.result())}" if error is None else in_one_line(error)
