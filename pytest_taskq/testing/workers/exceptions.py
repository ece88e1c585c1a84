"""Exceptions of background tasks that nobody has asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from pytest_taskq.testing.text import in_one_line

__all__ = ["LostExceptions"]


class LostExceptions:
    """Collects what the loop tells its exception handler, from ``begin`` to ``end``.

    A task that died is told of when it is collected as garbage; those that are still referred to
    are asked at the end. The handler that was there before is told as well.
    """

    def __init__(self) -> None:
        self._found: list[tuple[str, BaseException | None]] = []

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Listen from now on."""
        self._loop = loop
        self._before = loop.get_exception_handler()
        loop.set_exception_handler(self._hear)

    def end(self, tasks: Iterable[asyncio.Task[Any]] = ()) -> None:
        """Listen no more, and look at the ``tasks`` that are still there."""
        if self._loop.get_exception_handler() == self._hear:
            self._loop.set_exception_handler(self._before)
        for task in tasks:
            # What asyncio itself asks before it complains of a task that is garbage.
            if task.done() and getattr(task, "_log_traceback", False):
                error = task.exception()  # which is thereby not lost any more
                self._found.append((f"background task {_name(task)}() died", error))

    @property
    def error(self) -> BaseException | None:
        """The first of them, with its traceback."""
        return next((error for _, error in self._found if error is not None), None)

    def describe(self) -> str:
        """``background task consume() died: KeyError('id')``; a line for each, empty for none."""
        return "\n".join(
            what if error is None else f"{what}: {in_one_line(error)}"
            for what, error in self._found
        )

    def _hear(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        culprit = context.get("task") or context.get("future")
        if isinstance(culprit, asyncio.Task):
            what = f"background task {_name(culprit)}() died"
        else:
            what = str(context.get("message", "a callback failed"))
        self._found.append((what, context.get("exception")))
        if self._before is None:
            loop.default_exception_handler(context)
        else:
            self._before(loop, context)


def _name(task: asyncio.Task[Any]) -> str:
    coroutine = task.get_coro()
    name = getattr(coroutine, "__qualname__", type(coroutine).__name__)
    return str(name).rpartition("<locals>.")[2]
