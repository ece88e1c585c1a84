"""Who waits for the clock of a loop: for an instant, or until every task waits."""

from __future__ import annotations

import asyncio
from bisect import insort
from collections.abc import Iterable
from contextlib import suppress
from operator import itemgetter

from pytest_taskq.core.errors import NotFinished

__all__ = ["Waits", "wake"]

TURNS = 10_000


class Waits:
    """Those of one loop. Who moves its time wakes them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._elapsing: list[tuple[int, asyncio.Future[None]]] = []
        self._turns = 0
        self.settling: list[asyncio.Future[None]] = []
        """Those who wait until every task waits."""

    async def elapse(self, until: int) -> None:
        """Let time pass until an instant, stopping at every timer on the way."""
        over = self._loop.create_future()
        item = until, over
        insort(self._elapsing, item, key=itemgetter(0))
        try:
            await over
        finally:
            if item in self._elapsing:
                self._elapsing.remove(item)

    async def stand_still(self) -> None:
        """Wait until nothing could move on a clock that is held."""
        while True:
            with suppress(NotFinished):  # who has many turns to do is not stuck
                await self.settle()
                if not self._elapsing:
                    return
                await asyncio.wait([over for _, over in self._elapsing])

    async def settle(self) -> None:
        """Wait until every task waits, and the real world owes nothing.

        Raises NotFinished when that has not come after 10,000 turns of the loop.
        """
        self._turns = 0
        self.settling.append(settled := self._loop.create_future())
        await settled

    @property
    def until(self) -> int | None:
        """The first instant that is waited for; None when there is none."""
        return self._elapsing[0][0] if self._elapsing else None

    def reached(self) -> None:
        """It has come."""
        wake([self._elapsing.pop(0)[1]])

    def settled(self) -> None:
        """Every task waits."""
        settled, self.settling = self.settling, []
        wake(settled)

    def turned(self) -> None:
        """The loop did, and some task is ready still."""
        self._turns += 1
        if self._turns <= TURNS:
            return
        restless, self.settling = self.settling, []
        for future in restless:
            if not future.done():
                future.set_exception(
                    NotFinished(
                        f"The test does not settle. After {TURNS} turns of the loop there is "
                        f"still a task that is ready. Look for a loop that awaits only sleep(0)."
                    )
                )


def wake(futures: Iterable[asyncio.Future[None]]) -> None:
    """Let go on who waits for them."""
    for future in futures:
        if not future.done():
            future.set_result(None)
