"""What a run waits on: something that happened, or an instant that comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from math import ulp
from typing import TYPE_CHECKING

from pytest_taskq.core.store import Store
from pytest_taskq.engine.clock import Clock, loop_seconds
from pytest_taskq.engine.loop_time import Background, call_real
from pytest_taskq.engine.real_timers import RealTimer

if TYPE_CHECKING:
    from pytest_taskq.engine.ticker import Ticker

__all__ = ["Alarm"]


class Alarm:
    """Rung by others, or by itself at an instant, where time passes by itself.

    It stays rung until it is reset, so nothing is missed between two waits. An asyncio.Event
    would cost twice as much a wait. ``told_by_store``: it rang for a change that perhaps somebody
    else has made. With a ``ticker`` it rings for the ticks too, as far as time passes for others.
    """

    def __init__(self, clock: Clock, ticker: Ticker | None = None) -> None:
        self._clock = clock
        self._ticker = ticker
        self._sleeper: asyncio.Future[None] | None = None
        self._timers: dict[Callable[[], None], RealTimer | asyncio.TimerHandle] = {}
        self._watching: AsyncExitStack | None = None
        self.rung = False
        self.told_by_store = False

    def ring(self) -> None:
        """Let who waits go on, now or at once when it waits."""
        self.rung = True
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)

    def reset(self) -> None:
        """What rang it up to now is known."""
        self.rung = False

    async def wait(self) -> None:
        """Wait until it rings."""
        if self._ticker is not None:
            self.call_at(self._ticker.next_at, self._ring_for_tick, background=True)
        if not self.rung:
            self._sleeper = asyncio.get_running_loop().create_future()
            await self._sleeper

    def call_at(
        self, instant: int | None, call: Callable[[], None], *, background: bool = False
    ) -> None:
        """Call at an instant, in place of the call before; None: not at all.

        For the sake of a call in the ``background`` alone the clock does not jump.
        """
        before = self._timers.pop(call, None)
        if before is not None:
            before.cancel()
        if instant is not None:
            loop = asyncio.get_running_loop()
            # Looked at first: a clock that has not departed yet goes on between the two looks,
            # and a call that is a trifle early is made again, exactly; a late one would be late.
            here = loop.time()
            seconds = loop_seconds(instant - self._clock.now())
            if self._clock.mode == "real":
                self._timers[call] = call_real(seconds, call)
            else:
                made = Background(call) if background else call
                if seconds > 0:
                    seconds = max(seconds, _least(here))
                self._timers[call] = loop.call_at(here + seconds, made)

    async def watch(self, store: Store) -> bool:
        """Ring for what others change on the store; true when it begins with this call.

        What is done through one queue object, that tells its listeners, in no more than a call;
        a watch may be a connection to a server, and is for those that really have to wait.
        """
        if self._watching is not None:
            return False
        self._watching = AsyncExitStack()
        await self._watching.enter_async_context(store.watch(self._ring_for_store))
        return True

    async def aclose(self) -> None:
        """Cancel the calls that have not been made, and watch no more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()  # they refer to whoever holds this alarm
        if self._watching is not None:
            await self._watching.aclose()

    def _ring_for_tick(self) -> None:
        self.ring()

    def _ring_for_store(self) -> None:
        self.told_by_store = True
        self.ring()


def _least(here: float) -> float:
    """Seconds from here that a loop can tell from none.

    In some centuries those are many microseconds. Called before they are over, who waits would
    find nothing due, be called at once again, and time would never move.
    """
    return 3 * ulp(here)
