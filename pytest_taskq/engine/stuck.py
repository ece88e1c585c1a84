"""When a loop that follows a clock may be stuck: nothing moves in it, or nothing but time does."""

from __future__ import annotations

from collections.abc import Callable

from pytest_taskq.engine.machine import Stopwatch

__all__ = ["Stuck", "Tell"]

JUMPS = 250_000
AGAIN = 0.2

Tell = Callable[[int], None]


class Stuck:
    """``tell`` is called with 0 when nothing has moved for ``after`` real seconds.

    And with their number at every 250,000th jump of the clock, for whoever can judge whether it
    will ever end. None: never. ``first`` is called once before the first of these with 0.
    """

    def __init__(
        self, tell: Tell | None, after: float, first: Callable[[], None] | None = None
    ) -> None:
        self._tell = tell
        self._first = first
        self._after = after
        self._jumps = 0
        self.idle: Stopwatch | None = None
        """Since when nothing moves. Who sees something move sets None: it is on every path."""

    def jumped(self) -> None:
        """The clock has, by itself."""
        self._jumps += 1
        if self._jumps % JUMPS == 0 and self._tell is not None:
            self._tell(self._jumps)

    def left(self) -> float | None:
        """Nothing moves: for how many real seconds more it may be so. None for ever."""
        if self._tell is None:
            return None
        self.idle = self.idle or Stopwatch()
        return self._after - self.idle.seconds()

    def tell(self) -> None:
        """It has been so for too long."""
        self.idle = None
        # What is ended because of it may wait in vain as well, such as a worker for its job.
        self._after = min(self._after, AGAIN)
        first, self._first = self._first, None
        if first is not None:
            first()
        if self._tell is not None:
            self._tell(0)
