"""The time of the machine. The only file that reads it."""

from __future__ import annotations

import time

__all__ = ["Stopwatch", "machine_now"]

# Freezers replace module attributes that are functions of the time module. What is inside a
# tuple they leave alone.
_TICKS = (time.perf_counter_ns,)


def machine_now() -> int:
    """The present instant, in microseconds since the epoch, UTC.

    Looked up on the module at each call: a user's own freezer, where there is one, decides what
    the time of the machine is.
    """
    return time.time_ns() // 1000


class Stopwatch:
    """Measures real time from when it was made, under a frozen clock too."""

    def __init__(self) -> None:
        self._start = _TICKS[0]()

    def seconds(self) -> float:
        """Real seconds since the stopwatch was made."""
        return (_TICKS[0]() - self._start) / 1e9

    def micros(self) -> int:
        """The same in whole microseconds."""
        return (_TICKS[0]() - self._start) // 1000
