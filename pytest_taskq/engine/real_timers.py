"""Calls in real time, for a loop whose own timers follow a clock."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from pytest_taskq.engine.machine import Stopwatch

__all__ = ["RealTimer", "RealTimers"]

Call = Callable[[], object]


class RealTimer:
    """A call in real time. ``cancel`` it, or it is made."""

    def __init__(self, call: Call) -> None:
        self.call: Call | None = call

    def cancel(self) -> None:
        """Do not make the call."""
        self.call = None

    def make(self) -> None:
        """Make it now, unless it is cancelled."""
        if self.call is not None:
            self.call()


class RealTimers:
    """The real calls of one loop, soonest first."""

    def __init__(self) -> None:
        self._watch = Stopwatch()
        self.waiting: list[tuple[float, int, RealTimer]] = []
        """A heap of when, a number, and the timer; cancelled ones may be among them."""
        self._numbers = count()

    def add(self, seconds: float, call: Call) -> RealTimer:
        """A call after so many real seconds."""
        timer = RealTimer(call)
        heappush(self.waiting, (self._watch.seconds() + seconds, next(self._numbers), timer))
        return timer

    def next_in(self) -> float | None:
        """Real seconds until the next call; None when there is none."""
        heap = self.waiting
        while heap and heap[0][2].call is None:
            heappop(heap)
        return heap[0][0] - self._watch.seconds() if heap else None

    def due(self) -> list[Call]:
        """The calls whose time has come; they are not kept."""
        calls: list[Call] = []
        while (left := self.next_in()) is not None and left <= 0:
            timer = heappop(self.waiting)[2]
            calls.append(timer.make)
        return calls

    def left(self) -> list[tuple[float, Call]]:
        """All calls that are still to be made, with the real seconds until each."""
        now = self._watch.seconds()
        return [(at - now, timer.make) for at, _, timer in self.waiting]
