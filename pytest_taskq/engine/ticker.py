"""Enqueues periodic jobs: one for each tick of a schedule, at the tick's instant.

A run of a worker that has a ticker asks it what has come due, and wakes for its next tick; a
scheduler without a worker lets ``run_forever`` do so. Nobody polls.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from pytest_taskq.core.errors import BadOption, NeverFires, NotFinished
from pytest_taskq.core.instants import Instant, to_datetime
from pytest_taskq.core.job import Hold, Job, State
from pytest_taskq.core.schedule import Schedule
from pytest_taskq.core.store import Refusal
from pytest_taskq.engine.alarm import Alarm
from pytest_taskq.engine.queue import Queue

__all__ = ["TICKS_LIMIT", "Missed", "Ticker", "hold_of_tick", "is_of_a_tick"]

Missed = Literal["each", "last"]

TICKS_LIMIT = 10_000
"""How many missed ticks of one schedule are enqueued at once, before it counts as a mistake."""

ALWAYS = frozenset(State)
TICK = "tick:"


def hold_of_tick(name: str, at: Instant) -> Hold:
    """The name that the job of a tick holds for as long as it is stored, so that it is the one."""
    return Hold(f"{TICK}{name}:{at}", ALWAYS)


@dataclass(slots=True)
class _Periodic:
    schedule: Schedule
    make: Callable[[Instant], Job]
    told: Callable[[Instant, Job | Refusal], None] | None
    coming: Instant | None
    """The first tick that its schedule has not been asked past."""
    passed: list[Instant] = field(default_factory=list)
    """The ticks before that which are to be enqueued still."""

    @property
    def next_at(self) -> Instant | None:
        return self.passed[0] if self.passed else self.coming


class Ticker:
    """The periodic jobs of one queue.

    Each tick is enqueued once, however many workers share the ticker or the store: its job
    holds a name of the tick's own for as long as it is stored.

    ``missed``: what to do when more than one tick of a schedule has passed unseen, because no
    worker ran or the clock was moved: enqueue ``each``, or the ``last`` one only. ``oldest``:
    microseconds; ticks that were missed by more are dropped; None for no limit.
    """

    def __init__(self, queue: Queue, *, missed: Missed = "each", oldest: int | None = None) -> None:
        if missed not in {"each", "last"}:
            raise BadOption(
                f"Missed ticks are enqueued each, or the last one only. missed is {missed!r}. "
                f"Write missed='each' or missed='last'."
            )
        self.queue = queue
        self._missed = missed
        self._oldest = oldest
        self._periodic: dict[str, _Periodic] = {}
        self.next_at: Instant | None = None
        """The instant of the next tick of all; it may have passed. None when there is none."""

    def add(
        self,
        name: str,
        schedule: Schedule,
        make: Callable[[Instant], Job],
        *,
        after: Instant | None = None,
        told: Callable[[Instant, Job | Refusal], None] | None = None,
    ) -> None:
        """Enqueue what ``make`` returns at each tick, in place of the schedule of that name.

        ``make`` gets the instant of the tick and returns a new job of the queue. ``after``: the
        ticks later than that; None: later than now. ``told`` gets what became of the job: a
        refusal when a name that it wants is taken, and then the tick is passed over.
        """
        first = _next(schedule, self.queue.clock.now() if after is None else after)
        self._periodic[name] = _Periodic(schedule, make, told, first)
        self._look_ahead()
        self.queue.tell(None)

    def remove(self, name: str) -> None:
        """Enqueue no more for this name. Nothing happens when there is no such schedule."""
        self._periodic.pop(name, None)
        self._look_ahead()

    def __contains__(self, name: object) -> bool:
        return name in self._periodic

    def __iter__(self) -> Iterator[str]:
        return iter(self._periodic)

    def next_of(self, name: str) -> Instant | None:
        """The instant of the next tick of this schedule. Raises KeyError."""
        return self._periodic[name].next_at

    async def tick(self) -> None:
        """Enqueue what has come due, in the order of the ticks.

        Raises NotFinished for a schedule with over 10,000 missed ticks, and what ``make``
        raises. A tick whose job was not stored stays due, and so do those after it.
        """
        now = self.queue.clock.now()
        if self.next_at is None or now < self.next_at:
            return
        for name, each in self._periodic.items():
            self._look_back(name, each, now)
        while passed := [(it.passed[0], name) for name, it in self._periodic.items() if it.passed]:
            at, name = min(passed)
            await self._enqueue(name, at, self._periodic[name])
        self._look_ahead()

    async def run_forever(self) -> None:
        """Enqueue each tick at its instant, until cancelled."""
        alarm = Alarm(self.queue.clock, self)
        try:
            with self.queue.clock.in_loop(), self.queue.told(lambda _job: alarm.ring()):
                while True:
                    alarm.reset()
                    await self.tick()
                    await alarm.wait()
        finally:
            await alarm.aclose()

    async def _enqueue(self, name: str, at: Instant, each: _Periodic) -> None:
        """Store the job of a tick, unless another worker has done so."""
        each.passed.remove(at)  # another worker may ask meanwhile
        tick = hold_of_tick(name, at)
        try:
            job = each.make(at)
            once = job._replace(holds=(*job.holds, tick))
            (answer,) = await self.queue.enqueue_each([once])
        except BaseException:
            insort(each.passed, at)
            self._look_ahead()
            self.queue.tell(None)  # another worker may have looked meanwhile, and found nothing
            raise
        stored_by_another = isinstance(answer, Refusal) and answer.name == tick.name
        if each.told is not None and not stored_by_another:
            each.told(at, answer)

    def _look_back(self, name: str, each: _Periodic, now: Instant) -> None:
        """Note the ticks that have passed, as far as they are wanted."""
        while each.coming is not None and each.coming <= now:
            if self._missed == "last":
                each.passed.clear()
            if len(each.passed) >= TICKS_LIMIT:
                raise NotFinished(
                    f"The schedule {name!r} has missed more than {TICKS_LIMIT:,} ticks. They "
                    f"begin at {to_datetime(each.passed[0]).isoformat()}, and it is "
                    f"{to_datetime(now).isoformat()}. Move the clock in smaller steps, or take "
                    f"the schedule out of this test."
                )
            if self._oldest is None or now - each.coming <= self._oldest:
                each.passed.append(each.coming)
            each.coming = _next(each.schedule, each.coming)

    def _look_ahead(self) -> None:
        instants = [each.next_at for each in self._periodic.values() if each.next_at is not None]
        self.next_at = min(instants, default=None)


def is_of_a_tick(job: Job) -> bool:
    """Whether a ticker has enqueued it."""
    return any(hold.name.startswith(TICK) and hold.during == ALWAYS for hold in job.holds)


def _next(schedule: Schedule, instant: Instant) -> Instant | None:
    try:
        return schedule.next_after(instant)
    except NeverFires:
        return None
