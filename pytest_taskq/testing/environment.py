"""What one test has: a clock, a store, and the queues made on them, closed when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from contextlib import AbstractContextManager, ExitStack, suppress
from contextvars import ContextVar
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import ReferenceType, ref

from pytest_taskq.core.errors import BadOption, NotFinished
from pytest_taskq.core.store import Store
from pytest_taskq.engine.clock import Mode
from pytest_taskq.engine.freezers import make_freezer
from pytest_taskq.engine.limits import CHAIN_LIMIT
from pytest_taskq.engine.loop_time import LoopTime
from pytest_taskq.engine.queue import LAST_USED, Queue
from pytest_taskq.engine.under_test import AppUnderTest
from pytest_taskq.testing.awaited import Unawaited
from pytest_taskq.testing.backends import MEMORY, Stores
from pytest_taskq.testing.clock import TestClock
from pytest_taskq.testing.describe import describe_deadlock
from pytest_taskq.testing.known import know
from pytest_taskq.testing.looked import Looked
from pytest_taskq.testing.promises import LISTENER
from pytest_taskq.testing.reading import Reading
from pytest_taskq.testing.redact import Redaction
from pytest_taskq.testing.seen import SeenApp

if TYPE_CHECKING:
    from pytest_taskq.testing.endless import Endless
    from pytest_taskq.testing.moments import AppShown

__all__ = ["PRESENT", "Environment"]

T = TypeVar("T")

PRESENT: ContextVar[ReferenceType[Environment] | None] = ContextVar("taskq_present", default=None)
"""The surroundings of the async test that this code is part of."""


class Environment:
    """The surroundings of one test, its queues on the given stores.

    ``mode`` and ``start`` are the clock's; ``seed``, ``chain_limit`` and ``escapes``
    are the queues'. ``redaction`` and ``timeline``: how, and whether, what happened is shown.
    ``collects``: for the page of the run too.
    """

    def __init__(
        self,
        stores: Stores = MEMORY,
        *,
        mode: Mode = "auto",
        start: datetime | None = None,
        seed: int = 0,
        chain_limit: int = CHAIN_LIMIT,
        escapes: tuple[type[BaseException], ...] = (),
        freezer: str = "auto",
        stuck_after: float = 5.0,
        redaction: Redaction | None = None,
        timeline: bool = True,
        collects: bool = False,
    ) -> None:
        self.clock = TestClock(mode, start, freezer=make_freezer(freezer), stuck_after=stuck_after)
        self.clock.before_stuck = self._look_when_stuck
        self.queues: list[Queue] = []
        self.apps: list[AppUnderTest] = []
        """What the harness looks at: the queues of the test, in the words of their libraries."""
        self.looked = Looked()
        self._shown: list[AppShown] | None = None
        self._seen: dict[int, SeenApp] = {}
        self._readings: dict[int, Reading] = {}
        self.unawaited = Unawaited(self._guarded)
        self._opened: list[Store] = []
        self._made: dict[str, Any] = {}
        self._named: dict[Hashable, Queue] = {}
        self._made_with: dict[str, Any] = {
            "seed": seed,
            "chain_limit": chain_limit,
            "escapes": escapes,
        }
        self._stores = stores
        self._noted: str | None = None
        self._when_stuck: tuple[str, dict[str, Any] | None] | None = None
        self._in_loop: AbstractContextManager[object] | None = None
        self._at_end = ExitStack()
        self._task: asyncio.Task[Any] | None = None
        self.entered = False
        """Whether the code of the test, an async one, has begun."""
        self._sync = False
        self.stuck: str | None = None
        """Why the test was ended: nothing in it could move any more."""
        self._endless: Endless | None = None
        self.redaction = redaction or Redaction()
        self._timeline = timeline
        self._collects = collects
        self._collected: dict[str, Any] | None = None

    def new_queue(self) -> Queue:
        """A queue on a store of its own and on this test's clock."""
        store = self._stores.open()
        queue = Queue(store, self.clock, **self._made_with)
        self.queues.append(queue)
        self._shown = None
        self._opened.append(store)
        return queue

    def queue_for(self, name: Hashable) -> Queue:
        """The queue of this name in the test, made when it is first asked for."""
        if name not in self._named:
            self._named[name] = self.new_queue()
        return self._named[name]

    def once(self, what: str, make: Callable[[], T]) -> T:
        """The one object of this name in the test, made when it is first asked for."""
        if what not in self._made:
            self._made[what] = make()
        made: T = self._made[what]
        return made

    def at_end(self, give_back: Callable[[], None]) -> None:
        """Call this when the test ends, while its queues are still there."""
        self._at_end.callback(give_back)

    def stay_real(self, why: str) -> None:
        """Let the clock of the test be a real one.

        Raises BadOption where the test moves it, or has begun with another one.
        """
        if self.clock.mode == "held" or self.clock.departed:
            raise BadOption(
                f"{why} lives on real time: another one is not observable here. The clock of "
                f"this test is {self.clock.mode}. Leave out taskq_clock and the marker taskq_time, "
                f"or use taskq_substitute, where time is the clock's."
            )
        if self.clock.mode != "real" and self._task is not None:
            raise BadOption(
                f"{why} lives on real time. This test has begun with a clock that jumps. Ask for "
                f"taskq among the arguments of the test."
            )
        self.clock.mode = "real"

    def seen(self, app: AppUnderTest) -> SeenApp:
        """The app as its jobs are looked at."""
        if id(app) not in self._seen:
            self._seen[id(app)] = SeenApp(app, self.looked, self.redaction)
        return self._seen[id(app)]

    def reading(self, app: AppUnderTest) -> Reading:
        """What the history of the app tells by now, and its store."""
        found = self._readings.get(id(app))
        if found is None:
            found = self._readings[id(app)] = Reading(self.seen(app))
        else:
            found.read_on()
            found.look_into_store()
        return found

    def adopt(self, app: AppUnderTest) -> None:
        """Let the harness look at this app, once."""
        self.apps = [each for each in self.apps if each.history is not app.history]
        self.apps.append(app)
        self._shown = None
        know(app, self.redaction)

    def describe(self) -> str:
        """What the queues look like now, as text, or looked like when it was noted."""
        if self._noted is not None:
            return self._noted
        from pytest_taskq.testing.evidence import describe_apps

        return describe_apps(self.shown(), self.redaction, timeline=self._timeline)

    def collected(self) -> dict[str, Any]:
        """What the page of the run shows of this test, now or when it was noted."""
        from pytest_taskq.testing.html import collect

        if self._collected is not None:
            return self._collected
        return collect(self.shown(), self.redaction)

    def shown(self) -> list[AppShown]:
        """What can be told about: the apps of the test, and its queues that have none."""
        if self._shown is None:
            self._shown = [*self.apps, *self._alone()]
        return self._shown

    def _alone(self) -> list[AppShown]:
        told = {id(app.history) for app in self.apps}
        alone = [queue for queue in self.queues if id(queue.history) not in told]
        if not alone:
            return []
        from pytest_taskq.testing.evidence import QueueAlone

        return [QueueAlone(queue) for queue in alone]

    def note(self) -> None:
        """Keep what the queues look like: ending the runs puts the jobs in hand back."""
        if self.stuck is not None and self._when_stuck is not None:
            self._noted, self._collected = self._when_stuck
            return
        with suppress(Exception):  # what the test has failed with is told, whatever comes of this
            self._noted = self.describe()
            self._collected = self.collected() if self._collects else None

    def failed(self, error: BaseException) -> None:
        """The test has failed so: for being stuck, it is told what that looked like."""
        if isinstance(error, NotFinished) and self._noted is None and self._when_stuck is not None:
            self._noted, self._collected = self._when_stuck

    def enter(self) -> None:
        """The code of the test begins: what other tests used last does not concern it."""
        self.entered = True
        LAST_USED.set(ref(self.queues[-1]) if self.queues else None)
        PRESENT.set(ref(self))
        LISTENER.set(ref(self.unawaited))
        self._task, self._sync = asyncio.current_task(), False
        self._in_loop = self._clock_in_loop()
        self._in_loop.__enter__()

    def call_is_over(self) -> None:
        """Only fixtures are left: what jobs have raised by now was told, or is not to be."""
        for app in self.shown():
            if app.history.failed:
                for job, error in app.history.errors():
                    self.looked.add(error, job)

    async def end_runs(self) -> None:
        """Stop the workers that still run; on the loop that the test used."""
        try:
            for queue in self.queues:
                await queue.end_runs()
        finally:
            in_loop, self._in_loop = self._in_loop, None
            if in_loop is not None:
                in_loop.__exit__(None, None, None)
            left = LoopTime.of(asyncio.get_running_loop())
            if left is not None and left.clock is self.clock:
                left.end()  # a task that the test has left behind is in it still

    async def _guarded(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What a sync test runs: the timers follow the clock, and what cannot move is ended."""
        self._task, self._sync = asyncio.current_task(), True
        try:
            with self._clock_in_loop():
                return await coroutine
        except asyncio.CancelledError:
            if self.stuck is None:
                raise
        told, self.stuck = self.stuck, None
        raise NotFinished(told)

    def _clock_in_loop(self) -> AbstractContextManager[object]:
        return self.clock.in_loop(stuck=self._is_stuck)

    def _is_stuck(self, jumps: int) -> None:
        if jumps:
            from pytest_taskq.testing.endless import Endless

            self._endless = self._endless or Endless()
            self.stuck = self.stuck or self._endless.look(self._task, self.shown(), jumps)
        else:
            self.stuck = self.stuck or describe_deadlock(
                self.clock, self._task, sync=self._sync, jobs=bool(self.shown())
            )
        if self.stuck is not None and self._task is not None:
            self._task.cancel()

    def _look_when_stuck(self) -> None:
        """Before the runs are ended, which puts the jobs in hand back."""
        self._when_stuck = None
        with suppress(Exception):  # who is ended must not fail on how that is reported
            self._when_stuck = self.describe(), self.collected() if self._collects else None

    def close(self) -> None:
        """Give back what was changed, and real time, and close the queues."""
        try:
            self._at_end.close()
        finally:
            self._close()

    def _close(self) -> None:
        self.unawaited.close()
        self.clock.before_stuck = None
        self.clock.close()
        for queue in self.queues:
            queue.close()
        for store in self._opened:
            self._stores.discard(store)
        # They refer to this object: the whole test would be left to the garbage collector.
        self._made.clear()
        self._task = None
