"""The one clock: tells job time, and moves it when the test says so or nothing else is left to do.

The only file that reads the time of the machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from datetime import datetime, timedelta
from types import coroutine
from typing import Literal, Protocol

from pytest_taskq.core.errors import BadOption, QueueClosed
from pytest_taskq.core.instants import to_datetime, to_instant, to_micros

__all__ = ["Clock", "Freezer", "Mode", "Stopwatch", "give_way", "loop_seconds"]

Mode = Literal["auto", "held", "real"]
MODES = ("auto", "held", "real")

# Freezers replace module attributes that are functions of the time module. What is inside a
# tuple they leave alone.
_MACHINE = (time.perf_counter_ns,)


# The clocks that Python's own follow. Time in Python is one for the whole process, so this is too.
_FOLLOWED: list[Clock] = []


class Freezer(Protocol):
    """Makes ``datetime.now()`` and ``time.time()`` say what a clock says."""

    def start(self, clock: Clock) -> None:
        """From now on Python tells the time of ``clock``."""

    def stop(self) -> None:
        """Python tells the time of the machine again."""


class Clock:
    """Job time, in one of three modes.

    ``real``: the time of the machine, never touched. ``auto``: real time until a worker has
    nothing to do but wait; then it jumps to the next due instant. ``held``: stands still until
    the test moves it.

    ``start``: the instant to begin at; None for the present one. With a ``freezer``, Python's
    own ``datetime`` and ``time.time()`` follow as soon as the clock departs from real time.

        clock = Clock("held", start=datetime(2030, 1, 1, tzinfo=timezone.utc))
        clock.advance(hours=1)
    """

    def __init__(
        self, mode: Mode = "real", start: datetime | None = None, *, freezer: Freezer | None = None
    ) -> None:
        if mode not in MODES:
            raise BadOption(
                f"The mode of a clock cannot be {mode!r}. It is one of {', '.join(MODES)}. "
                f"Use 'held' to move time yourself."
            )
        if mode == "real" and start is not None:
            raise BadOption(
                "A real clock cannot have a start. It tells the time of the machine. "
                "Use the mode 'held' or 'auto' with a start."
            )
        self.mode: Mode = mode
        self._freezer = freezer
        self._frozen = False
        self._base: int | None = None
        self._base_at = 0
        self.listeners: set[Callable[[], None]] = set()
        self.busy = 0
        """How many attempts are running: while one is, the clock does not jump by itself."""
        self.waiters: dict[Callable[[], None], int | None] = {}
        """Who has nothing to do until an instant: called when nothing runs any more, and when a
        worker has moved the clock."""
        self._closed = False
        if mode == "held" or start is not None:
            self._depart(to_instant(start) if start is not None else self._machine_now())

    @classmethod
    def present(cls) -> Clock:
        """The clock that Python's own clocks follow now, or else a new real one.

        What a test makes for itself while its time is controlled is on that time too: on a real
        clock it would wait for an instant that never comes.
        """
        return _FOLLOWED[-1] if _FOLLOWED else cls("real")

    def now(self) -> int:
        """The present instant, in microseconds since the epoch, UTC."""
        base = self._base
        if base is None:
            return self._machine_now()
        if self.mode == "held":
            return base
        return base + (_MACHINE[0]() - self._base_at) // 1000

    def time(self) -> datetime:
        """The present instant as an aware datetime, UTC."""
        return to_datetime(self.now())

    def advance(self, by: timedelta | float | None = None, **units: float) -> datetime:
        """Jump forward by a timedelta, seconds, or units of ``timedelta`` such as ``hours=1``.

        Nothing runs because of it: what has become due runs when a worker does. Raises
        BadOption for a negative or missing step, or on a real clock.
        """
        if (by is None) == (not units):
            raise BadOption(
                "advance() needs one step. It was given "
                + ("none. " if by is None else "two. ")
                + "Write advance(90), advance(timedelta(hours=1)) or advance(hours=1)."
            )
        step = to_micros(by if by is not None else _length(units))
        return self._move(self.now() + step)

    def move_to(self, when: datetime) -> datetime:
        """Jump forward to an aware datetime. Raises BadOption when it lies in the past."""
        instant = to_instant(when)
        now = self.now()
        if instant < now:
            raise BadOption(
                f"The clock cannot go back. It stands at {to_datetime(now).isoformat()} and was "
                f"to move to {to_datetime(instant).isoformat()}. Start the test earlier instead: "
                f"@pytest.mark.taskq_time(start=...)."
            )
        return self._move(instant)

    def jump_to(self, instant: int) -> None:
        """Let a worker with nothing else to do move an ``auto`` clock to the next due instant.

        Not beyond what another worker on this clock waits for.
        """
        instant = min([instant, *(at for at in self.waiters.values() if at is not None)])
        if instant > self.now():
            self._depart(instant)
        self._call(self.waiters)

    def begin(self) -> None:
        """An attempt begins."""
        self.busy += 1

    def end(self) -> None:
        """An attempt has ended."""
        self.busy -= 1
        if not self.busy and self.waiters:
            self._call(self.waiters)

    @property
    def jumps(self) -> bool:
        """Whether a worker that has nothing to do but wait may move this clock now."""
        return self.mode == "auto" and self.busy == 0

    def close(self) -> None:
        """Give real time back to Python. The clock tells its own still, and moves no more."""
        self._closed = True
        if self._frozen and self._freezer is not None:
            self._frozen = False
            _FOLLOWED.remove(self)
            self._freezer.stop()

    def _move(self, instant: int) -> datetime:
        if self.mode == "real":
            raise BadOption(
                "A real clock cannot be moved. Its mode is 'real'. Leave mode='real' out of the "
                "marker taskq_time, or use the clock of the fixture taskq_clock."
            )
        if self._closed:
            raise QueueClosed(
                "This clock is closed. Its test has ended. Use the clock of the present test."
            )
        moved = to_datetime(instant)
        self._depart(instant)
        self._call(self.listeners)
        return moved

    @staticmethod
    def _call(functions: Iterable[Callable[[], None]]) -> None:
        for function in tuple(functions):
            function()

    def _depart(self, instant: int) -> None:
        self._base = instant
        self._base_at = _MACHINE[0]()
        if self._freezer is not None and not self._frozen and not self._closed:
            self._frozen = True
            self._freezer.start(self)
            _FOLLOWED.append(self)

    @staticmethod
    def _machine_now() -> int:
        # Looked up on the module at each call: a user's own freezer, where there is one,
        # decides what the time of the machine is.
        return time.time_ns() // 1000


class Stopwatch:
    """Measures real seconds, under a frozen clock too."""

    def __init__(self) -> None:
        self._start = _MACHINE[0]()

    def seconds(self) -> float:
        """Real seconds since the stopwatch was made."""
        return (_MACHINE[0]() - self._start) / 1e9


def loop_seconds(micros: int) -> float:
    """A length of job time as the seconds an event loop waits."""
    return max(micros, 0) / 1e6


def _length(units: dict[str, float]) -> timedelta:
    try:
        return timedelta(**units)
    except (TypeError, ValueError, OverflowError) as error:
        given = ", ".join(f"{unit}={amount!r}" for unit, amount in units.items())
        raise BadOption(
            f"advance() takes amounts of timedelta's units. It was given {given} ({error}). "
            f"Use weeks, days, hours, minutes, seconds, milliseconds or microseconds."
        ) from None


@coroutine
def give_way() -> Generator[None]:
    """Let everything that is ready to run take one step: a third of an ``asyncio.sleep(0)``."""
    yield
