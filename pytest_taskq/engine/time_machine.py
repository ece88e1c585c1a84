"""Moves Python's own clocks with time-machine. The only file that imports it."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pytest_taskq.core.instants import SECOND

if TYPE_CHECKING:
    from pytest_taskq.engine.clock import Clock

__all__ = ["TimeMachineFreezer"]

# Process-wide, as time-machine is: one journey for all, and whom it follows is the last.
_STARTED: list[TimeMachineFreezer] = []
_JOURNEY: list[_Journey] = []


class TimeMachineFreezer:
    """``datetime`` and ``time`` say what the clock says; some 500 times cheaper than freezegun.

    Durations (``time.monotonic``, ``time.perf_counter``) stay real, as from time-machine 3.
    """

    def __init__(self) -> None:
        self._clock: Clock | None = None

    def start(self, clock: Clock) -> None:
        """See ``Freezer.start``."""
        self._clock = clock
        if not _STARTED:
            _JOURNEY.append(_Journey(clock.now()))
        _STARTED.append(self)
        self.moved(clock)

    def moved(self, clock: Clock) -> None:
        """See ``Freezer.moved``."""
        if _STARTED[-1] is self:
            _JOURNEY[0].tell(clock.now())

    def stop(self) -> None:
        """See ``Freezer.stop``. A journey inside ours that nobody ended ends with ours."""
        if self not in _STARTED:
            return
        _STARTED.remove(self)
        last = _STARTED[-1] if _STARTED else None
        if last is None:
            _JOURNEY.pop().end()
        elif last._clock is not None:  # noqa: SLF001 - another one of this class
            last.moved(last._clock)  # noqa: SLF001 - the same


class _Journey:
    def __init__(self, instant: int) -> None:
        time_machine: Any = import_module("time_machine")
        self._is_travelling = time_machine.escape_hatch.is_travelling
        self._inside_another = self._is_travelling()
        # Whole seconds and then the rest: a float cannot say both, and a datetime is slow.
        self._told = instant // SECOND * SECOND
        self._travel = time_machine.travel(self._told // SECOND, tick=False)
        self._traveller = self._travel.start()

    def tell(self, instant: int) -> None:
        step, self._told = instant - self._told, instant
        self._traveller.shift(timedelta(microseconds=step))

    def end(self) -> None:
        self._travel.stop()
        # It ends the one that began last, whichever that is.
        while self._is_travelling() and not self._inside_another:
            self._travel.stop()
