"""The one clock: tells job time, and moves it when the test says so or all else is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime, timedelta
from types import coroutine
from typing import Literal, Protocol

from pytest_taskq.core.durations import Duration, to_step
from pytest_taskq.core.errors import BadOption, QueueClosed
from pytest_taskq.core.instants import LAST, to_datetime, to_instant
from pytest_taskq.engine.loop_time import Following, LoopTime
from pytest_taskq.engine.machine import Stopwatch, machine_now
from pytest_taskq.engine.stuck import Tell

__all__ = ["Clock", "Freezer", "Mode", "give_way", "loop_seconds", "take_turns"]

Mode = Literal["auto", "held", "real"]
MODES = ("auto", "held", "real")

# The clocks that Python's own follow. Time in Python is one for the whole process, so this is too.
_FOLLOWED: list[Clock] = []


class Freezer(Protocol):
    """Makes ``datetime.now()`` and ``time.time()`` say what a clock says."""

    def start(self, clock: Clock) -> None:
        """From now on Python tells the time of ``clock``."""

    def moved(self, clock: Clock) -> None:
        """The clock has another time."""

    def stop(self) -> None:
        """Python tells the time of the machine again."""


class Clock:
    """Job time, in one of three modes.

    ``real``: the time of the machine, never touched. ``held``: stands still until the test moves
    it. ``auto``: the time of the machine, until there is nothing to do but wait; then it jumps to
    the next timer or due job. Once it has jumped it stands still while code runs, and goes on
    while the real world is waited for, such as a thread or the answer of a server, or under code
    that never waits.

    ``start``: the instant to begin at; None for the present one. With a ``freezer``, Python's
    own ``datetime`` and ``time.time()`` follow as soon as the clock departs from real time.
    ``stuck_after``: for how many real seconds it may be that nothing can move; 0 for ever.

        clock = Clock("held", start=datetime(2030, 1, 1, tzinfo=timezone.utc))
        clock.advance(hours=1)
    """

    def __init__(
        self,
        mode: Mode = "real",
        start: datetime | None = None,
        *,
        freezer: Freezer | None = None,
        stuck_after: float = 5.0,
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
        self.stuck_after = stuck_after
        self.before_stuck: Callable[[], None] | None = None
        """Called when nothing can move, before that is ended."""
        self._freezer = freezer
        self._frozen = False
        self._base: int | None = None
        self._flowing: Stopwatch | None = None
        self.reasons: list[str] = []
        """Why time must not jump, as named by ``hold``."""
        self._closed = False
        if mode == "held" or start is not None:
            self._depart(to_instant(start) if start is not None else machine_now())

    @classmethod
    def present(cls) -> Clock:
        """The clock that Python's own clocks follow now, or else a new real one.

        What a test makes for itself while its time is controlled is on that time too: on a real
        clock it would wait for an instant that never comes.
        """
        loop = asyncio._get_running_loop()  # noqa: SLF001 - documented, and None outside a loop
        time = None if loop is None else LoopTime.of(loop)
        if time is not None:
            return time.clock
        return _FOLLOWED[-1] if _FOLLOWED else cls("real")

    @property
    def departed(self) -> bool:
        """Whether it does not tell the time of the machine."""
        return self._base is not None

    def now(self) -> int:
        """The present instant, in microseconds since the epoch, UTC."""
        base = self._base
        if base is None:
            return machine_now()
        return base if self._flowing is None else base + self._flowing.micros()

    def time(self) -> datetime:
        """The present instant as an aware datetime, UTC."""
        return to_datetime(self.now())

    def advance(self, by: Duration | None = None, **units: float) -> datetime:
        """Jump forward by a timedelta, seconds, a text such as ``"1h30m"``, or units: ``hours=1``.

        Nothing runs because of it: what has become due runs when the test awaits something, and
        jobs when a worker does. Raises BadOption for a negative or missing step, for one beyond
        the year 9999, or on a real clock.
        """
        return self._move(self._after(to_step("advance", by, units)))

    async def elapse(self, by: Duration | None = None, **units: float) -> datetime:
        """Let time pass, stopping at every timer on the way, and at every job of a live worker.

        Each runs at its own instant, those that are born on the way included. Takes and raises
        what ``advance`` does.
        """
        step = to_step("elapse", by, units)
        self.check_movable()
        until = self._after(step)
        with self.in_loop():
            time = LoopTime.present()
            await time.waits.elapse(until)
            await time.waits.settle()
        return self.time()

    async def settle(self) -> None:
        """Wait until every task waits and the real world owes nothing; no time passes.

        Raises NotFinished when a task is still ready after 10,000 turns of the loop.
        """
        self.check_movable()
        with self.in_loop():
            await LoopTime.present().waits.settle()

    @contextmanager
    def hold(self, reason: str) -> Iterator[None]:
        """Inside, the clock does not jump by itself: ``with clock.hold("the printer answers"):``.

        For what the loop cannot know of, such as a thread of a library's own.
        """
        self.reasons.append(reason)
        try:
            yield
        finally:
            self.reasons.remove(reason)

    def next_timer(self) -> datetime | None:
        """When the next timer of the running loop fires; None when there is none."""
        time = LoopTime.of(asyncio.get_running_loop())
        at = None if time is None else time.next_timer(awaited=True)
        return None if at is None else to_datetime(at)

    def check_movable(self) -> None:
        """Raise BadOption for a real clock, QueueClosed for that of another test."""
        if self.mode == "real":
            raise BadOption(
                "A real clock cannot be moved. Its mode is 'real'. Leave mode='real' out of the "
                "marker taskq_time, or use the clock of the fixture taskq_clock."
            )
        if self._closed:
            raise QueueClosed(
                "This clock is closed. Its test has ended. Use the clock of the present test."
            )

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

    def in_loop(self, *, stuck: Tell | None = None) -> AbstractContextManager[object]:
        """Inside, the timers of the running loop follow this clock, unless it is real.

        See ``Stuck`` for ``stuck``. Raises WrongLoop for a loop that cannot follow.
        """
        return nullcontext() if self.mode == "real" else Following(self, stuck)

    def jump_to(self, instant: int) -> None:
        """Let the loop, which has nothing else to do, move the clock; never back."""
        if instant > self.now():
            self._depart(instant)

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Inside, a clock that departed from real time goes on with it."""
        if self._base is None:
            yield
            return
        self._flowing = Stopwatch()
        try:
            yield
        finally:
            now, self._flowing = self.now(), None
            self.jump_to(now)

    def close(self) -> None:
        """Give real time back to Python. The clock tells its own still, and moves no more."""
        self._closed = True
        if self._frozen and self._freezer is not None:
            self._frozen = False
            _FOLLOWED.remove(self)
            self._freezer.stop()

    def _after(self, step: int) -> int:
        now = self.now()
        if now + step > LAST:
            raise BadOption(
                f"The clock cannot go beyond the year 9999, where the calendar ends. It stands at "
                f"{to_datetime(now).isoformat()} and was to go on for {timedelta(0, 0, step)}. "
                f"Give a shorter time."
            )
        return now + step

    def _move(self, instant: int) -> datetime:
        self.check_movable()
        self._depart(instant)
        return to_datetime(instant)

    def _depart(self, instant: int) -> None:
        self._base = instant
        if self._freezer is None or self._closed:
            return
        if self._frozen:
            self._freezer.moved(self)
        else:
            self._freezer.start(self)
            self._frozen = True
            _FOLLOWED.append(self)


def loop_seconds(micros: int) -> float:
    """A length of job time as the seconds an event loop waits."""
    return max(micros, 0) / 1e6


@coroutine
def give_way() -> Generator[None]:
    """Let everything that is ready to run take one step: a third of an ``asyncio.sleep(0)``."""
    yield


async def take_turns(turns: int = 10) -> None:
    """Let what is ready go on for some turns of the loop."""
    for _ in range(turns):
        await give_way()
