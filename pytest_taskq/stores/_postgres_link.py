"""The connection of one event loop: one caller at a time, opened anew when it was lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from pytest_taskq.core.errors import StoreUnavailable

__all__ = ["Link"]

T = TypeVar("T")

CLOSE_SECONDS = 10.0


class Link:
    """``opened`` opens a connection of asyncpg, and ``failed`` says in our words what went wrong.

    It is the ear of its loop too: a notification comes in on the connection that is there.
    """

    def __init__(
        self,
        opened: Callable[[], Awaitable[Any]],
        failed: Callable[[Exception], Exception],
    ) -> None:
        self._open = opened
        self._failed = failed
        self._connection: Any = None
        self._cut = False  # a call was, and the server may be at it still
        self._free = asyncio.Lock()
        self._ears: dict[Callable[..., None], tuple[str, Callable[[], None]]] = {}
        self._revival: asyncio.Task[None] | None = None

    async def run(self, call: Callable[[Any], Awaitable[T]]) -> T:
        """Make a call on the connection, when the calls before it have ended."""
        async with self._free:
            if not self._is_open:
                await self._reopen()
            try:
                return await call(self._connection)
            except asyncio.CancelledError:
                self._cut = True
                raise
            except Exception as error:
                raise self._failed(error) from error

    @asynccontextmanager
    async def heard(self, channel: str, changed: Callable[[], None]) -> AsyncIterator[None]:
        """Call ``changed`` after each notification, and when some may have been missed."""

        def ear(*_: object) -> None:
            changed()

        await self.run(lambda connection: connection.add_listener(channel, ear))
        self._ears[ear] = channel, changed
        try:
            yield
        finally:
            del self._ears[ear]
            if self._is_open:
                with suppress(StoreUnavailable):
                    await self.run(lambda connection: connection.remove_listener(channel, ear))

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if self._revival is not None:
            self._revival.cancel()
        if connection is None:
            return
        connection.remove_termination_listener(self._lost)
        if self._cut or self._free.locked():
            with suppress(Exception):
                await connection.close(timeout=CLOSE_SECONDS)
        else:
            # Every call was answered. To wait until the server has ended its process would be a
            # tenth of what a test costs.
            connection.terminate()

    @property
    def _is_open(self) -> bool:
        return self._connection is not None and not self._connection.is_closed()

    async def _reopen(self) -> None:
        self._connection = None
        connection = await self._open()
        connection.add_termination_listener(self._lost)
        for ear, (channel, _) in self._ears.items():
            await connection.add_listener(channel, ear)
        self._connection = connection

    def _lost(self, _: object) -> None:
        """Who listens is told, and hears again as soon as there is a server."""
        if self._ears:
            self._revival = asyncio.get_running_loop().create_task(self._revive())

    async def _revive(self) -> None:
        with suppress(StoreUnavailable):
            await self.run(lambda connection: connection.fetchval("SELECT 1"))
        for _, changed in self._ears.values():
            changed()  # what is to be found out now, who is called finds out
