"""One connection for each event loop: opened at first use, closed with its loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

__all__ = ["PerLoop"]

C = TypeVar("C")


class PerLoop(Generic[C]):
    """Opens a connection at the first ``get`` on a loop, and keeps it for that loop.

    It is held by an async generator, which ``asyncio.run`` and every runner close before they
    close the loop: nobody has to think of it, and no socket outlives its loop.
    """

    def __init__(
        self, opened: Callable[[], Awaitable[C]], closed: Callable[[C], Awaitable[object]]
    ) -> None:
        self._open = opened
        self._close = closed
        self._holders: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncGenerator[C, None]]
        self._holders = WeakKeyDictionary()
        self._ready: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Future[C]]
        self._ready = WeakKeyDictionary()
        self._waiting: WeakKeyDictionary[asyncio.AbstractEventLoop, int] = WeakKeyDictionary()

    async def get(self) -> C:
        """The connection of the running loop. Raises what opening raises, and tries anew then.

        One caller that is cancelled does not take it from the others; the last one ends the
        attempt to open it.
        """
        loop = asyncio.get_running_loop()
        ready = self._ready.get(loop)
        if ready is None:
            ready = self._ready[loop] = loop.create_task(self._start(loop))
        if ready.done():
            return ready.result()
        self._waiting[loop] = self._waiting.get(loop, 0) + 1
        try:
            return await asyncio.shield(ready)
        finally:
            self._waiting[loop] -= 1
            if not self._waiting[loop]:
                ready.cancel()  # which does nothing to one that is open by now

    async def aclose(self) -> None:
        """Close the connection of the running loop, if there is one."""
        holder = self._holders.get(asyncio.get_running_loop())
        if holder is not None:
            await holder.aclose()

    async def _start(self, loop: asyncio.AbstractEventLoop) -> C:
        holder = self._holders[loop] = self._hold(loop)
        return await anext(holder)

    async def _hold(self, loop: asyncio.AbstractEventLoop) -> AsyncGenerator[C, None]:
        connection: C | None = None
        try:
            connection = await self._open()
            yield connection
        finally:
            # They refer to the loop themselves, and would keep it and this for ever.
            self._ready.pop(loop, None)
            self._holders.pop(loop, None)
            if connection is not None:
                await self._close(connection)
