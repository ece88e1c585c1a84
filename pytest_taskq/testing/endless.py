"""A test in which nothing but time passes: whether it will ever end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_taskq.engine.loop_time import LoopTime
from pytest_taskq.engine.threads import busy_threads
from pytest_taskq.testing.describe import describe_clock, is_library, wait_of

if TYPE_CHECKING:
    from pytest_taskq.engine.clock import Clock
    from pytest_taskq.engine.history import Event
    from pytest_taskq.testing.moments import AppShown

__all__ = ["Endless"]

ENOUGH = 1_000_000


class _Look(NamedTuple):
    """What a test looks like that goes on.

    ``waits_for``: what its own code awaits. ``timers``: that somebody waits for, however far away.
    """

    jumps: int
    waits_for: object
    tasks: set[asyncio.Task[Any]]
    events: int
    timers: list[Any]


class Endless:
    """Compares looks at one test. Without any doubt it goes on, or it is not called endless."""

    def __init__(self) -> None:
        self._first: _Look | None = None

    def look(
        self, task: asyncio.Task[Any] | None, apps: Sequence[AppShown], jumps: int
    ) -> str | None:
        """After so many jumps of the clock; ``task`` is the test's own, ``apps`` all it has.

        The text when in the last million of them nothing else has happened: the test waits for
        what it waited for, no task has begun or ended, no timer is left from then, no job has
        moved, and nobody outside can do anything.
        """
        time = LoopTime.present()
        look = _Look(
            jumps,
            None if task is None else _awaited_by(task),
            asyncio.all_tasks(),
            sum(1 for app in apps for _ in _told_events(app)),
            list(time.awaited()),
        )
        if self._first is None or _may_end(self._first, look, time):
            self._first = look
            return None
        return None if jumps - self._first.jumps < ENOUGH else _told(task, time.clock)


def _may_end(first: _Look, look: _Look, time: LoopTime) -> bool:
    known = {id(timer) for timer in first.timers}
    return (
        look.waits_for is None
        or look[1:4] != first[1:4]
        or any(id(timer) in known for timer in look.timers)
        or time.real_timers.next_in() is not None
        or time.real.may_be_called()
        or bool(busy_threads())
    )


def _told(task: asyncio.Task[Any] | None, clock: Clock) -> str:
    waits = {each: wait_of(each) for each in asyncio.all_tasks()}
    name, what, where = waits.pop(task) if task in waits else ("The test", "waits", "?")
    sleep = [wait for wait in waits.values() if wait[1] == "in sleep"] or waits.values()
    others = " and ".join(sorted(f"{name} ({what}, {where})" for name, what, where in sleep))
    return (
        f"endless: nothing but time passes. The clock has jumped {ENOUGH:,} times, and "
        f"meanwhile {name} ({what}, {where}) has not gone on, no job has moved, and no task "
        f"has begun or ended. {describe_clock(clock)}\n"
        f"What lets time pass is {others}. End it, or bring about what the test waits for."
    )


def _told_events(app: AppShown) -> Iterator[Event]:
    """A job in hand has its lease renewed for ever."""
    return (event for event in app.history if event.verb != "renew")


def _awaited_by(task: asyncio.Task[Any]) -> object:
    """What the user's own code of a task awaits, or its outermost: each time another object."""
    coroutine: Any = task.get_coro()
    awaited: Any = getattr(coroutine, "cr_await", None)
    while (frame := getattr(coroutine, "cr_frame", None)) is not None:
        if not is_library(frame.f_code.co_filename):
            awaited = coroutine.cr_await
        coroutine = coroutine.cr_await
    return awaited
