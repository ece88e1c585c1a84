"""Agenda: calls that are collected first, and then scheduled evenly over a stretch of time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, ParamSpec, overload

from pytest_taskq.core.errors import BadOption, describe_names
from pytest_taskq.docket._states import TaskFunction
from pytest_taskq.docket.docket import Docket
from pytest_taskq.docket.execution import Execution

__all__ = ["Agenda"]

P = ParamSpec("P")
Item = tuple[TaskFunction | str, tuple[Any, ...], dict[str, Any], str | None]


class Agenda:
    """Calls to be spread over time. Scheduling them does not empty it.

    agenda = Agenda()
    agenda.add(look_at)(1)
    agenda.add(look_at)(2)
    await agenda.scatter(docket, over=timedelta(minutes=50))
    """

    def __init__(self) -> None:
        self._items: list[Item] = []

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    @overload
    def add(
        self, function: Callable[P, Awaitable[Any]], key: str | None = None
    ) -> Callable[P, None]: ...
    @overload
    def add(self, function: str, key: str | None = None) -> Callable[..., None]: ...
    def add(self, function: TaskFunction | str, key: str | None = None) -> Callable[..., None]:
        """Note a call: ``agenda.add(task)(argument)``; without a key each scatter makes one."""

        def note(*args: Any, **kwargs: Any) -> None:
            self._items.append((function, args, kwargs, key))

        return note

    def clear(self) -> None:
        """Forget all calls."""
        self._items.clear()

    async def scatter(
        self,
        docket: Docket,
        over: timedelta,
        start: datetime | None = None,
        jitter: timedelta | None = None,
    ) -> list[Execution]:
        """Schedule the calls at even distances from ``start`` (now) on, the last at its end.

        A single one is in the middle. ``jitter`` moves each by so much at most, but not before
        the start. Raises ValueError when ``over`` is no time, KeyError for a task that is not
        registered: nothing is scheduled then.
        """
        if over <= timedelta(0):
            raise BadOption(
                f"'over' parameter must be a positive duration. It is {over!r}. "
                f"Say how long the calls are to be spread."
            )
        for function, *_ in self._items:
            if isinstance(function, str) and function not in docket.tasks:
                names = describe_names(function, docket.tasks)
                raise KeyError(f"Task {function!r} is not registered. {names} Register it first.")
        begin = start or docket.queue.clock.time()
        ends, count = over / max(len(self) - 1, 1), len(self)
        executions = []
        for position, (function, args, kwargs, key) in enumerate(self._items):
            when = begin + (over / 2 if count == 1 else ends * position)
            if jitter is not None:
                when += jitter * docket.queue.rng.uniform(-1, 1)
            schedule = docket.add(function, max(when, begin), key)
            executions.append(await schedule(*args, **kwargs))
        return executions
