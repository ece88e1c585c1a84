"""Lets everything run until nothing can go on by itself."""

from __future__ import annotations

import asyncio
from typing import Any

from pytest_taskq.core.errors import NotFinished
from pytest_taskq.engine.clock import give_way
from pytest_taskq.engine.loop_time import LoopTime
from pytest_taskq.testing.describe import wait_of
from pytest_taskq.testing.promises import noted

__all__ = ["settle"]

TURNS = 10_000
EAGER = 100
QUIET = 3  # turns: what wakes a task may itself be a callback, and that one's cause another


@noted("taskq.settle")
async def settle() -> None:
    """Run until every task waits; no time passes.

    Where the loop follows a clock, the real world is waited for too: threads, sockets,
    processes. On a loop in real time that is left alone, only the tasks are.
    Raises NotFinished when a task is still ready after 10,000 turns of the loop, and names it.
    """
    time = LoopTime.of(asyncio.get_running_loop())
    if time is not None:
        try:
            await time.waits.settle()
        except NotFinished:
            raise NotFinished(_restless()) from None
        return
    quiet = 0
    for turn in range(TURNS):
        await give_way()
        if turn < EAGER or turn % EAGER < QUIET:  # to look costs more than to turn
            quiet = 0 if _ready() else quiet + 1
            if quiet == QUIET:
                return
    raise NotFinished(_restless())


def _ready() -> list[asyncio.Task[Any]]:
    """The other tasks that wait for nothing but their turn."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    return [
        task
        for task in others
        if (waiter := getattr(task, "_fut_waiter", None)) is None or waiter.done()
    ]


def _restless() -> str:
    tasks = sorted({f"{wait_of(task)[0]}() ({wait_of(task)[2]})" for task in _ready()})
    verb = "never waits" if len(tasks) == 1 else "never wait"
    named = f"task {' and '.join(tasks)} {verb}" if tasks else "callbacks go on for ever"
    return (
        f"did not settle after {TURNS} turns: {named}.\nLook for a loop that awaits only sleep(0), "
        f"or what is ready at once."
    )
