"""Who is told of each task that is born on a loop, and by which line of the user's."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any
from weakref import WeakKeyDictionary

from pytest_taskq.testing.describe import is_library

__all__ = ["Birthplaces", "births"]

NOT_CREATORS = {"asyncio", __package__}

Tell = Callable[[asyncio.Task[Any]], None]


class _Task(asyncio.Task[Any]):
    """Keeps its own name: the first releases of Python 3.13 set None on what a factory makes."""

    def set_name(self, value: object) -> None:
        if value is not None:
            super().set_name(value)


class _Factory:
    """A task factory in front of the one that the loop had."""

    def __init__(self, before: Any) -> None:
        self.before = before
        self.listeners: list[Tell] = []

    def __call__(self, loop: asyncio.AbstractEventLoop, coro: Any, **given: Any) -> Any:
        if self.before is None:
            task = _Task(coro, loop=loop, **given)
        else:
            task = self.before(loop, coro, **given)
        for tell in self.listeners:
            tell(task)
        return task


@contextmanager
def births(loop: asyncio.AbstractEventLoop, tell: Tell) -> Iterator[None]:
    """Inside, ``tell`` is called with each new task of the loop, by its creator."""
    present = loop.get_task_factory()
    factory = present if isinstance(present, _Factory) else _Factory(present)
    loop.set_task_factory(factory)
    factory.listeners.append(tell)
    try:
        yield
    finally:
        factory.listeners.remove(tell)
        before = factory.before
        if not factory.listeners and loop.get_task_factory() is factory:
            loop.set_task_factory(before)


class Birthplaces:
    """Remembers, as a listener of ``births``, which line created each task that still exists."""

    def __init__(self) -> None:
        self._places: WeakKeyDictionary[asyncio.Task[Any], tuple[str, int]] = WeakKeyDictionary()

    def note(self, task: asyncio.Task[Any]) -> None:
        """Remember who is creating this task at the moment."""
        frame = sys._getframe(1)  # noqa: SLF001 - the way to the caller that costs least
        while frame.f_back is not None and frame.f_globals.get("__package__") in NOT_CREATORS:
            frame = frame.f_back
        self._places[task] = frame.f_code.co_filename, frame.f_lineno

    def tasks(self) -> list[asyncio.Task[Any]]:
        """Those that still exist, the oldest first."""
        return list(self._places)

    def is_users(self, task: asyncio.Task[Any]) -> bool:
        """Whether a line of the user's own created it."""
        place = self._places.get(task)
        return place is not None and not is_library(place[0])

    def of(self, task: asyncio.Task[Any]) -> str | None:
        """Where a task was created: "test_x.py:30"."""
        place = self._places.get(task)
        return None if place is None else f"{PurePath(place[0]).name}:{place[1]}"
