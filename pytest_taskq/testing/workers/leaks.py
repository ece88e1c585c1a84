"""Which tasks a test has left running."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from typing import Any

from pytest_taskq.engine.clock import take_turns
from pytest_taskq.testing.describe import frames_of, is_library, wait_of
from pytest_taskq.testing.text import plural
from pytest_taskq.testing.workers._births import Birthplaces

__all__ = ["describe_tasks", "leaked_tasks"]


async def leaked_tasks(
    before: Collection[asyncio.Task[Any]], places: Birthplaces | None = None
) -> list[asyncio.Task[Any]]:
    """The tasks of the running loop that were not there ``before`` and do not end by themselves.

    Only those of the user: their code is, or the line that created them.
    """
    for turns in (0, 10):
        await take_turns(turns)
        left = asyncio.all_tasks() - set(before) - {asyncio.current_task()}
        if not left:
            return []
    mine = [task for task in left if _is_users(task) or (places and places.is_users(task))]
    return sorted(mine, key=lambda task: task.get_name())


def describe_tasks(
    tasks: Iterable[asyncio.Task[Any]], places: Birthplaces | None = None, who: str = "test"
) -> str:
    """``test left 1 task running: Task-7 consume() waiting at consumer.py:12, created at ...``."""
    lines = []
    for task in tasks:
        name, _, where = wait_of(task)
        named = name if ": " in name else f"{task.get_name()} {name}"
        made = None if places is None else places.of(task)
        lines.append(f"{named}() waiting at {where}" + (f", created at {made}" if made else ""))
    return f"{who} left {plural(len(lines), 'task')} running: {'; '.join(lines)}"


def _is_users(task: asyncio.Task[Any]) -> bool:
    frames = frames_of(task)
    return bool(frames) and not is_library(frames[0].f_code.co_filename)
