"""Lets the timers of the running loop follow a clock: the loop is changed in place, and back.

Time jumps only when every task waits and the real world owes nothing. The loop keeps its class
and nobody's policy is touched: what is replaced are attributes of the one object.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from math import inf, ulp
from typing import TYPE_CHECKING, Any

from pytest_taskq.core.errors import WrongLoop
from pytest_taskq.core.instants import LAST
from pytest_taskq.engine.loop_check import check_loop
from pytest_taskq.engine.machine import Stopwatch
from pytest_taskq.engine.outstanding import NEWS, Outstanding
from pytest_taskq.engine.real_timers import RealTimer, RealTimers
from pytest_taskq.engine.stuck import Stuck, Tell
from pytest_taskq.engine.timers import TimersInOrder
from pytest_taskq.engine.waits import Waits, wake

if TYPE_CHECKING:
    from pytest_taskq.engine.clock import Clock

__all__ = ["Background", "Following", "LoopTime", "call_real", "sleep_real"]

RESOLUTION = 1e-6
BUSY = 1_000_000  # turns of the loop in which some task was always ready
FAR = 2.0**32  # seconds: beyond, a float cannot tell one microsecond from the next


class Background:
    """A call for whose sake alone no time passes, such as the renewal of a lease."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    def __call__(self) -> None:
        """Make it."""
        self._call()


class Following:
    """While entered, the timers of the running loop follow a clock.

    Several may do so at once; the last to leave gives the loop its own time back. Raises
    WrongLoop where the timers follow another clock.
    """

    __slots__ = ("_clock", "_stuck", "_time")

    def __init__(self, clock: Clock, stuck: Tell | None) -> None:
        self._clock = clock
        self._stuck = stuck

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        time = LoopTime.of(loop)
        if time is None:
            time = LoopTime(loop, self._clock, self._stuck)
            time.begin()
        elif time.clock is not self._clock:
            raise WrongLoop(
                "Two clocks cannot move one event loop. The timers of this one follow another "
                "clock already. Use one clock for all queues of a test."
            )
        time.users += 1
        self._time = time

    def __exit__(self, *_: object) -> None:
        self._time.users -= 1
        if not self._time.users:
            self._time.end()


class LoopTime:
    """The time of one loop, told by a clock from ``begin`` to ``end``.

    ``stuck`` is called as ``Stuck`` says; nothing moves while no task is ready, no timer may fire,
    and the real world owes nothing.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        stuck: Tell | None = None,
    ) -> None:
        self._loop: Any = loop
        self.clock = clock
        self._now = clock.now
        self.real = Outstanding(loop)
        tell = stuck if clock.stuck_after else None
        self._stuck = Stuck(tell, clock.stuck_after, clock.before_stuck)
        self.real_timers = RealTimers()
        self.waits = Waits(loop)
        self.rests = 0
        """How often every task waited, and nothing was owed by the real world."""
        self.users = 0
        """How many follow its clock now."""
        self._start, self._from, self._end, self._resolution = 0.0, 0, inf, RESOLUTION
        self._turns = 0
        self._busy: Stopwatch | None = None

    @staticmethod
    def of(loop: asyncio.AbstractEventLoop) -> LoopTime | None:
        """What is in place on a loop."""
        owner = getattr(loop.time, "__self__", None)
        return owner if isinstance(owner, LoopTime) else None

    @staticmethod
    def present() -> LoopTime:
        """What is in place on the running loop. Raises LookupError when nothing is."""
        time = LoopTime.of(asyncio.get_running_loop())
        if time is None:
            raise LookupError("the timers of the running loop follow no clock")
        return time

    def begin(self) -> None:
        """Take over. Raises WrongLoop for a loop that cannot be changed so, and names it."""
        loop = self._loop
        check_loop(loop)
        self._start, self._from = loop.time(), self.clock.now()
        self._end = self._start + (LAST - self._from) / 1e6
        self._resolution, loop._clock_resolution = loop._clock_resolution, RESOLUTION
        self._poll = loop._selector.select
        loop._selector.select = self._select
        loop.time, loop.call_at = self._time, TimersInOrder(loop).call_at
        self.real.begin()

    def end(self) -> None:
        """Give real time back to the loop; a timer that is left has still as long to go."""
        loop, self.users = self._loop, 0  # who leaves later has nothing more to end
        self.real.end()
        ahead = self._time()
        del loop.time, loop.call_at, loop._selector.select
        ahead -= loop.time()
        loop._clock_resolution = self._resolution
        for handle in loop._scheduled:
            handle._when -= ahead
        for seconds, call in self.real_timers.left() if self.real_timers.waiting else ():
            loop.call_later(seconds, call)

    def next_timer(self, *, awaited: bool = False) -> int | None:
        """The instant of the next timer, or of the next that somebody waits for.

        None when it lies after the calendar.
        """
        scheduled = self._loop._scheduled
        if scheduled and not awaited and not scheduled[0]._cancelled:
            when = scheduled[0]._when
        else:
            timers = self.awaited() if awaited else (t for t in scheduled if not t._cancelled)
            when = min((timer._when for timer in timers), default=inf)
        return None if when > self._end else self._from + round((when - self._start) * 1e6)

    def _time(self) -> float:
        seconds = self._start + (self._now() - self._from) / 1e6
        if seconds > FAR:
            self._loop._clock_resolution = 2 * ulp(seconds)
        return seconds

    def _select(self, timeout: float | None) -> Any:
        """In the place of the selector's own: asked at each turn of the loop."""
        events = self._poll(0)
        called = self.real_timers.waiting and self._call_real_timers()
        if events or (timeout is not None and timeout <= 0) or called:
            self._stuck.idle = None
            if events:
                self.real.heard(events)
            if self.waits.settling:
                self.waits.turned()
            self._turns += 1
            if self._turns > BUSY:
                self._go_on()
            return events
        self._turns, self._busy = 0, None
        owed = bool(self.clock.reasons) or bool(self.real)
        if not owed and self.real.news_may_come:
            events = self._poll(NEWS)
            self.real.heard(events)
            self.real.news_may_come = bool(events)
            return events
        if not owed and self._move():
            self._stuck.idle = None
            return events
        return self._wait(owed)

    def _move(self) -> bool:
        """Everything waits: what can be done about it? True when something could."""
        if self.waits.settling:
            self.waits.settled()
            return True
        target, at = self.waits.until, self.next_timer()
        if target is not None:
            if at is None or at > target:
                self.clock.jump_to(target)
                self.waits.reached()
            else:
                self._fire(at)
            return True
        if at is None or self.clock.mode != "auto" or not self._any_awaited():
            return False
        self._fire(at)
        self._stuck.jumped()
        return True

    def _go_on(self) -> None:
        """The code never waits: an auto clock goes on, or no time-out would ever end it."""
        if self.clock.mode == "auto" and self.clock.departed:
            if self._busy is not None:
                self.clock.jump_to(self._now() + self._busy.micros())
            self._busy = Stopwatch()

    def _fire(self, at: int) -> None:
        """Let the next timer come due, which it is at an instant."""
        # A microsecond at least, or a loop of shorter sleeps would outlast every time-out.
        now = self._now()
        self.clock.jump_to(at if at > now else now + 1)

    def awaited(self) -> Iterator[Any]:
        """The timers that somebody waits for, and that come before the calendar ends."""
        for each in self._loop._scheduled:
            if _is_awaited(each) and each._when <= self._end:
                yield each

    def _any_awaited(self) -> bool:
        # Mostly it is the first, and a look at that is all that a sleep can afford.
        return _is_awaited(self._loop._scheduled[0]) or any(True for _ in self.awaited())

    def _wait(self, owed: bool) -> Any:
        """Wait for the real world; while it is owed something, an auto clock goes on."""
        real = self.real_timers.next_in()
        limits = [] if real is None else [real]
        self.rests += not owed
        flows = owed and self.clock.mode == "auto"
        if owed:
            limits.append(self.real.silence)
            ends = (self.next_timer(), self.waits.until)
            if flows:
                now = self.clock.now()
                limits += [(at - now) / 1e6 for at in ends if at is not None]
        elif real is None and (left := self._stuck.left()) is not None:
            if left <= 0:
                self._stuck.tell()
                return []
            limits.append(left)
        with self.clock.flowing() if flows else nullcontext():
            events = self._poll(max(0.0, min(limits)) if limits else None)
        self.real.heard(events)
        if events:
            self._stuck.idle = None
        return events

    def _call_real_timers(self) -> bool:
        calls = self.real_timers.due()
        for call in calls:
            self._loop.call_soon(call)
        return bool(calls)


def _is_awaited(timer: Any) -> bool:
    return type(timer._callback) is not Background and not timer._cancelled


def call_real(seconds: float, call: Callable[[], object]) -> RealTimer | asyncio.TimerHandle:
    """Call after so many real seconds, whatever the timers of the running loop follow."""
    loop = asyncio.get_running_loop()
    time = LoopTime.of(loop)
    return loop.call_later(seconds, call) if time is None else time.real_timers.add(seconds, call)


async def sleep_real(seconds: float) -> None:
    """Sleep so many real seconds."""
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    timer = call_real(seconds, lambda: wake([over]))
    try:
        await over
    finally:
        timer.cancel()
