"""Takes the steps of a measurement one after the other, at once or when it is awaited."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from typing import Any, Protocol

__all__ = ["Steps", "Watch", "take"]

Steps = Generator[Callable[[], Any], float, float]
"""Yields what is to be called, is sent the seconds that it took, and returns the figure."""


class Watch(Protocol):
    """Real time since it was made."""

    def seconds(self) -> float:
        """In seconds."""


def take(steps: Steps, make_watch: Callable[[], Watch]) -> Any:
    """The figure; or, from the first step on that is async, what to await for it.

    However the steps end, nothing that they hold, such as a trace of the memory, stays open.
    """
    __tracebackhide__ = True
    value: float | None = None
    try:
        while True:
            try:
                step = next(steps) if value is None else steps.send(value)
            except StopIteration as end:
                return end.value
            watch = make_watch()
            result = step()
            if inspect.isawaitable(result):
                return _take_on(steps, result, watch, make_watch)
            value = watch.seconds()
    except BaseException:
        steps.close()
        raise


async def _take_on(
    steps: Steps, result: Any, watch: Watch, make_watch: Callable[[], Watch]
) -> float:
    __tracebackhide__ = True
    try:
        while True:
            await result
            try:
                step = steps.send(watch.seconds())
            except StopIteration as end:
                return float(end.value)
            watch = make_watch()
            result = step()
    finally:
        steps.close()
