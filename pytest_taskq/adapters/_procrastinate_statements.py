"""The ways in which Procrastinate sends a statement: awaited or not, on a connection of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Literal

from pytest_taskq.adapters._procrastinate_queries import Queries

__all__ = ["Statements", "Suffix"]

Suffix = Literal["run", "one", "all"]


class Statements(Queries):
    """Each of the ways ends in ``generic_execute``."""

    async def generic_execute(self, query: str, suffix: Suffix, **arguments: Any) -> Any:
        """Answer a statement: with nothing (``run``), a row (``one``) or rows (``all``)."""
        raise NotImplementedError

    async def execute_query_async(self, query: str, **arguments: Any) -> None:
        """Answer a statement of Procrastinate's."""
        await self.generic_execute(query, "run", **arguments)

    async def execute_query_one_async(self, query: str, **arguments: Any) -> dict[str, Any]:
        """See ``execute_query_async``."""
        row: dict[str, Any] = await self.generic_execute(query, "one", **arguments)
        return row

    async def execute_query_all_async(self, query: str, **arguments: Any) -> list[dict[str, Any]]:
        """See ``execute_query_async``."""
        rows: list[dict[str, Any]] = await self.generic_execute(query, "all", **arguments)
        return rows

    def execute_query(self, query: str, **arguments: Any) -> None:
        """See ``execute_query_async``. Raises RuntimeError inside a running event loop."""
        self._sync(self.generic_execute(query, "run", **arguments))

    def execute_query_one(self, query: str, **arguments: Any) -> dict[str, Any]:
        """See ``execute_query``."""
        row: dict[str, Any] = self._sync(self.generic_execute(query, "one", **arguments))
        return row

    def execute_query_all(self, query: str, **arguments: Any) -> list[dict[str, Any]]:
        """See ``execute_query``."""
        rows: list[dict[str, Any]] = self._sync(self.generic_execute(query, "all", **arguments))
        return rows

    async def execute_query_one_async_with_connection(
        self, connection: Any, query: str, **arguments: Any
    ) -> dict[str, Any]:
        """See ``execute_query_async``; the connection is not a part of our store."""
        return await self.execute_query_one_async(query, **arguments)

    async def execute_query_all_async_with_connection(
        self, connection: Any, query: str, **arguments: Any
    ) -> list[dict[str, Any]]:
        """See ``execute_query_one_async_with_connection``."""
        return await self.execute_query_all_async(query, **arguments)

    def execute_query_one_with_connection(
        self, connection: Any, query: str, **arguments: Any
    ) -> dict[str, Any]:
        """See ``execute_query_one_async_with_connection``."""
        return self.execute_query_one(query, **arguments)

    def execute_query_all_with_connection(
        self, connection: Any, query: str, **arguments: Any
    ) -> list[dict[str, Any]]:
        """See ``execute_query_one_async_with_connection``."""
        return self.execute_query_all(query, **arguments)

    def _sync(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        if asyncio._get_running_loop() is not None and not self.lenient:  # noqa: SLF001
            coroutine.close()
            raise RuntimeError(
                "A sync call of Procrastinate cannot be made here. An event loop is running in "
                "this thread. Await the async form of it instead, such as defer_async()."
            )
        return self.queue.sync(coroutine)
