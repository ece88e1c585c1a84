"""What a run waits on: something that happened, or an instant that comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pytest_taskq.engine.clock import Clock, loop_seconds

__all__ = ["Alarm"]


class Alarm:
    """Rung by others, or by itself at an instant, where time passes by itself.

    It stays rung until it is reset, so nothing is missed between two waits. An asyncio.Event
    would cost twice as much a wait.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = False
        self._sleeper: asyncio.Future[None] | None = None
        self._timers: dict[Callable[[], None], asyncio.TimerHandle] = {}

    def ring(self) -> None:
        """Let who waits go on, now or at once when it waits."""
        self._rung = True
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)

    def reset(self) -> None:
        """What rang it up to now is known."""
        self._rung = False

    async def wait(self) -> None:
        """Wait until it rings."""
        if not self._rung:
            self._sleeper = asyncio.get_running_loop().create_future()
            await self._sleeper

    def call_at(self, instant: int | None, call: Callable[[], None]) -> None:
        """Call at an instant, in place of the call before; None: not at all."""
        before = self._timers.pop(call, None)
        if before is not None:
            before.cancel()
        if instant is not None and self._clock.mode != "held":
            seconds = loop_seconds(instant - self._clock.now())
            self._timers[call] = asyncio.get_running_loop().call_later(seconds, call)

    def close(self) -> None:
        """Cancel the calls that have not been made."""
        for timer in self._timers.values():
            timer.cancel()
