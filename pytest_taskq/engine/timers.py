"""Timers of a loop whose time stands still between jumps: those of one instant fire in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from heapq import heappush
from itertools import count
from typing import Any

__all__ = ["TimersInOrder"]


class _Timer(asyncio.TimerHandle):
    """One that comes after those made before it, where both are due at one instant.

    asyncio orders by instants alone, which on real time are never quite the same.
    """

    __slots__ = ("place",)
    place: int

    def __lt__(self, other: Any) -> bool:
        when: float = self._when  # type: ignore[attr-defined]
        if when == other._when and isinstance(other, _Timer):
            return self.place < other.place
        return when < float(other._when)


class TimersInOrder:
    """Stands in for ``call_at`` of a loop."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._places = count()

    def call_at(
        self,
        when: float | None,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """See ``asyncio.loop.call_at``."""
        if when is None:
            raise TypeError("when cannot be None")
        loop: Any = self._loop
        loop._check_closed()
        if loop.get_debug():
            loop._check_thread()
            loop._check_callback(callback, "call_at")
        timer: Any = _Timer(when, callback, args, loop, context)
        timer.place = next(self._places)
        if timer._source_traceback:
            del timer._source_traceback[-1]
        heappush(loop._scheduled, timer)
        timer._scheduled = True
        return timer  # type: ignore[no-any-return]
