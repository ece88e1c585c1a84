"""Calls with one name in sync and async tests: done at once in the one, awaited in the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Generic, Self, TypeVar

from pytest_taskq.core.errors import TaskqError

__all__ = ["Awaited", "NotAwaited", "Unawaited"]

T = TypeVar("T")


class NotAwaited(TaskqError, RuntimeError):
    """The result of a call in an async test was used before it was awaited."""

    def __init__(self, call: str) -> None:
        super().__init__(
            f"{call} was not awaited. In an async test it does nothing before that. "
            f"Write `await {call}`."
        )


class Unawaited:
    """The calls of a test that nobody has awaited yet."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._runner: asyncio.Runner | None = None

    def run(self, coroutine: Any) -> Any:
        """Run it on the one loop that the sync code of this test has."""
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(coroutine)

    def close(self) -> None:
        """Close that loop."""
        if self._runner is not None:
            self._runner.close()

    def check(self) -> None:
        """Raise NotAwaited for the first that was forgotten."""
        if self.calls:
            raise NotAwaited(self.calls[0])


class Awaited(Generic[T]):
    """The result of such a call. In a sync test it is there; in an async test, await it.

    ``finish`` makes the result, and is called once.
    """

    def __init__(self, call: str, finish: Callable[[], Awaitable[T]], unawaited: Unawaited) -> None:
        self._call = call
        self._finish = finish
        self._unawaited = unawaited
        self._value: T | None = None
        self._done = False
        if asyncio._get_running_loop() is None:  # noqa: SLF001 - documented, None outside a loop
            unawaited.run(self._run())
        else:
            unawaited.calls.append(call)

    def __await__(self) -> Generator[Any, None, Self]:
        if self._call in self._unawaited.calls and not self._done:
            self._unawaited.calls.remove(self._call)
        yield from self._run().__await__()
        return self

    async def _run(self) -> None:
        if not self._done:
            self._done = True
            self._value = await self._finish()

    def _get(self) -> T:
        if self._value is None:
            raise NotAwaited(self._call)
        return self._value
