"""Timeout: how long one attempt of a task may take, in seconds of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from copy import copy
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from pytest_taskq.core.instants import to_micros
from pytest_taskq.docket._handlers import Runtime

if TYPE_CHECKING:
    from pytest_taskq.docket.execution import Execution

__all__ = ["Timeout"]


class Timeout(Runtime["Timeout"]):
    """Stops an attempt that takes longer than ``base``: it fails with TimeoutError.

    So it does when the task returns where it is stopped; what it raises there it fails with.

    In a task that is called directly nothing limits the time.
    """

    def __init__(self, base: timedelta) -> None:
        to_micros(base)
        self.base = base
        self._allowed = base
        self._scope: asyncio.Timeout | None = None

    async def __aenter__(self) -> Self:
        return copy(self)

    def start(self) -> None:
        """From now on the time runs."""
        self._scope = asyncio.timeout(self._allowed.total_seconds())

    def extend(self, by: timedelta | None = None) -> None:
        """Allow this attempt ``by`` more; None: ``base`` once more."""
        more = self.base if by is None else by
        self._allowed += more
        scope = self._scope
        if scope is None or scope.expired():
            return
        if (deadline := scope.when()) is not None:
            scope.reschedule(deadline + more.total_seconds())

    def remaining(self) -> timedelta:
        """How long this attempt may still take."""
        if self._scope is None or (deadline := self._scope.when()) is None:
            return self._allowed
        return timedelta(seconds=deadline - asyncio.get_running_loop().time())

    def expired(self) -> bool:
        """Whether the time is over."""
        return self.remaining() <= timedelta(0)

    async def run(
        self,
        execution: Execution,
        function: Callable[..., Awaitable[Any]],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Call the task within the limit."""
        scope = self._scope = asyncio.timeout(self._allowed.total_seconds())
        try:
            async with scope:
                value = await function(*args, **kwargs)
        except TimeoutError as error:
            if not isinstance(error.__cause__, asyncio.CancelledError) or not scope.expired():
                raise
        else:
            if not scope.expired():
                return value
        raise TimeoutError(f"{execution.function_name} took longer than {self._allowed}")
