"""Timeout: how long one attempt of a task may take, in seconds of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from copy import copy
from datetime import timedelta
from typing import Any, Self

from pytest_taskq.core.instants import to_micros
from pytest_taskq.docket._dependency import Dependency, current_execution

__all__ = ["Timeout"]


class Timeout(Dependency):
    """Stops an attempt that takes longer than ``base``: it fails with TimeoutError.

    In a task that is called directly nothing limits the time.
    """

    single = True

    def __init__(self, base: timedelta) -> None:
        to_micros(base)
        self.base = base
        self._allowed = base
        self.scope: asyncio.Timeout | None = None

    async def __aenter__(self) -> Self:
        timeout = copy(self)
        timeout.scope = asyncio.timeout(self.base.total_seconds())
        return timeout

    def extend(self, by: timedelta | None = None) -> None:
        """Allow this attempt ``by`` more; None: ``base`` once more."""
        more = self.base if by is None else by
        self._allowed += more
        if self.scope is not None and (deadline := self.scope.when()) is not None:
            self.scope.reschedule(deadline + more.total_seconds())

    def remaining(self) -> timedelta:
        """How long this attempt may still take."""
        if self.scope is None or (deadline := self.scope.when()) is None:
            return self._allowed
        return timedelta(seconds=deadline - asyncio.get_running_loop().time())

    def expired(self) -> bool:
        """Whether the time is over."""
        return self.remaining() <= timedelta(0)

    async def limit(self, body: Awaitable[Any]) -> Any:
        """Await the body of a task within the limit."""
        scope = self.scope or asyncio.timeout(self._allowed.total_seconds())
        try:
            async with scope:
                return await body
        except TimeoutError:
            if not scope.expired():
                raise
            task = current_execution.get().function_name
            raise TimeoutError(f"{task} took longer than {self._allowed}") from None
