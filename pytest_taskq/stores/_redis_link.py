"""One connection to a Redis server, on which one call follows the other."""

from __future__ import annotations

import asyncio
from typing import Any

from pytest_taskq.core.store import own_limit

__all__ = ["ANSWER_SECONDS", "Link", "Word"]

ANSWER_SECONDS = 10.0

Word = bytes | str | int


class Link:
    """Calls over one connection of the driver.

    A client of the driver would cost as much again for each call: it looks for a connection in
    its pool, keeps statistics, and has a time-out for each step.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()
        # What older versions of the driver have in its place waits for what it does not find.
        self._has_news = getattr(connection, "can_read", None)

    async def call(self, *command: Word) -> Any:
        """The answer of the server. Raises what the driver raises, or TimeoutError."""
        connection = self._connection
        async with self._turn, asyncio.timeout(own_limit(ANSWER_SECONDS)):
            try:
                if connection.is_connected and self._has_news and await self._has_news():
                    await connection.disconnect()  # nothing was asked: it is the end
                await connection.connect()
                await connection.send_packed_command(_packed(command))
                return await connection.read_response()
            except asyncio.CancelledError:
                # The answer to this call must not be taken for that to the next one.
                await connection.disconnect(nowait=True)
                raise

    async def aclose(self) -> None:
        """Close the connection."""
        await self._connection.disconnect()


def _packed(words: tuple[Word, ...]) -> bytes:
    """A command as it goes to the server; the driver takes ten times as long for it."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word if type(word) is bytes else str(word).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(parts)
