"""What is used with ``async with`` alone, and says so to those who use it otherwise."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, NoReturn

from pytest_taskq.core.errors import BadOption
from pytest_taskq.testing.promises import Block, tell

__all__ = ["AsyncBlock", "LiveBlock"]


class AsyncBlock:
    """The base of what ``running()`` gives."""

    def __init__(self) -> None:
        self._block = Block("taskq.running()")
        tell(self._block)

    async def __aenter__(self) -> Any:
        self._block.entered = True
        return self

    def __enter__(self) -> NoReturn:
        self._block.entered = True
        raise BadOption(
            "taskq.running() works on an event loop. It was used in a plain `with`. Write "
            "`async with taskq.running(...):` in an async test; in a sync one use taskq.drain()."
        )

    def __exit__(self, *_: object) -> None: ...


class LiveBlock(AsyncBlock):
    """Workers of the queues under test."""

    def __init__(self, workers: AbstractAsyncContextManager[None]) -> None:
        super().__init__()
        self._workers = workers

    async def __aenter__(self) -> None:
        await super().__aenter__()
        await self._workers.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return await self._workers.__aexit__(kind, error, traceback)
