"""Cancels work where it waits, or at each of its awaits in turn, and looks what comes of it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from pytest_taskq.core.errors import BadOption
from pytest_taskq.testing.describe import in_one_line
from pytest_taskq.testing.workers._limit import all_done, comes_true, is_true
from pytest_taskq.testing.workers._words import how_it_ended, suspended_in, waiting

__all__ = ["cancel_and_check", "cancel_at_every_await"]

Make = Callable[[], Coroutine[Any, Any, Any]]
Work = Coroutine[Any, Any, Any] | asyncio.Task[Any]


async def cancel_and_check(
    work: Work | Make,
    *,
    at: int | asyncio.Event | Callable[[], object] | None = None,
    cleaned: Callable[[], object] | None = None,
    within: float = 5.0,
) -> None:
    """Start what is given, cancel it, and check that it lets itself be cancelled and cleans up.

    ``work``: a coroutine, a function that makes one, or a task that runs already. It is cancelled
    ``at`` its n-th await, when an event or function is true, or else where it waits first.
    ``cleaned`` is asked afterwards. Raises AssertionError when the cancellation was swallowed or
    became another error, when ``cleaned`` is false, or when it takes longer than ``within``.

        await cancel_and_check(sort(gate), cleaned=lambda: gate.is_shut)
    """
    run = _Run(work() if callable(work) else work, at if isinstance(at, int) else None)
    try:
        await run.reach(at, within)
        await run.cancel(cleaned, within, f"{{}} (cancelled in {run.place})")
    finally:
        await run.end()


async def cancel_at_every_await(
    make: Make,
    *,
    cleaned: Callable[[], object] | None = None,
    most: int = 100,
    within: float = 5.0,
) -> int:
    """Do ``cancel_and_check`` at each await in turn: ``make`` is called anew for each.

    An await is where it really waits: one that returns at once cannot be cancelled. First it
    runs uncancelled, to its end, to ``most`` awaits, or until it waits longer than ``within``,
    to see how many awaits there are. Returns how many.

        await cancel_at_every_await(lambda: save(db), cleaned=lambda: not db.locked)
    """
    if not callable(make):
        raise BadOption(
            f"cancel_at_every_await() runs a coroutine again and again. It was given "
            f"{in_one_line(make)}, which can run once. Give it a function: lambda: save(db)."
        )
    first = _Run(make())
    try:
        count = await first.count(most, within)
    finally:
        await first.end()
    for number in range(1, count + 1):
        run = _Run(make(), number)
        try:
            await run.reach(number, within)
            told = f"cancelled at await {number} of {count} ({run.place}): {{}}"
            await run.cancel(cleaned, within, told)
        finally:
            await run.end()
    return count


class _Counted(Coroutine[Any, Any, Any]):
    """A coroutine that counts how often it waits, and is cancelled at a given time."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], cancel_at: int | None) -> None:
        self._coroutine = coroutine
        self._cancel_at = cancel_at
        self.waits = 0
        self.place: str | None = None
        self.task: asyncio.Task[Any] | None = None

    def __getattr__(self, name: str) -> Any:
        # What tells where a task is asks for the frame, and for what is awaited.
        return getattr(self._coroutine, name)

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()

    def send(self, value: Any) -> Any:
        waits_for = self._coroutine.send(value)
        self.waits += 1
        if self.waits == self._cancel_at and self.task is not None:
            self.place = suspended_in(self.task)
            self.task.cancel()  # from within, before what it waits for can come
        return waits_for

    def throw(self, *error: Any) -> Any:
        return self._coroutine.throw(*error)

    def close(self) -> None:
        self._coroutine.close()


class _Run:
    """One run of what is to be cancelled. ``place``: where it was, once it has been reached."""

    def __init__(self, work: object, cancel_at: int | None = None) -> None:
        self.place = "?"
        self._counted: _Counted | None = None
        if isinstance(work, asyncio.Task):
            self._task = work
        elif inspect.iscoroutine(work):
            self._counted = _Counted(work, cancel_at)
            self._task = self._counted.task = asyncio.create_task(self._counted)
        else:
            raise BadOption(
                f"Only a coroutine or a task can be cancelled. It was given {in_one_line(work)}. "
                f"Give it a coroutine, or a function that makes one."
            )
        if cancel_at is not None and cancel_at < 1:
            raise BadOption(
                f"Awaits are counted from 1. It was given at={cancel_at}. Leave it out to cancel "
                f"where it waits first."
            )
        if cancel_at is not None and self._counted is None:
            raise BadOption(
                "The awaits of a task that runs already cannot be counted. It was given at="
                f"{cancel_at}. Give the coroutine itself, or a function or event as `at`."
            )

    async def reach(
        self, at: int | asyncio.Event | Callable[[], object] | None, within: float
    ) -> None:
        """Wait until it is where it is to be cancelled."""
        ask, where = self._question(at)
        if await comes_true(ask, within, self._task.done):
            self.place = self._present_place()
            return
        if self._task.done():
            raise AssertionError(
                f"it ended before it could be cancelled{where}: {how_it_ended(self._task)}"
            ) from (None if self._task.cancelled() else self._task.exception())
        raise AssertionError(f"it was not there{where} after {within:g} s: {waiting(self._task)}")

    async def cancel(self, cleaned: Callable[[], object] | None, within: float, told: str) -> None:
        """Cancel it, and check what comes of it."""
        if self._counted is None or self._counted.place is None:
            self._task.cancel()
        if not await all_done({self._task}, within):
            pending = f"cleanup still pending {within:g} s after cancel(): {waiting(self._task)}"
            raise AssertionError(told.format(pending))
        if not self._task.cancelled():
            error, ended = self._task.exception(), how_it_ended(self._task)
            if error is None:
                swallowed = f"CancelledError was swallowed: {ended.replace('it', 'the task', 1)}"
                raise AssertionError(told.format(swallowed))
            raise AssertionError(told.format(f"CancelledError became {ended}")) from error
        if cleaned is not None and not await is_true(cleaned):
            raise AssertionError(told.format("cleanup did not run"))

    async def count(self, most: int, within: float) -> int:
        """How often it waits, when nobody cancels it."""
        counted = self._counted
        if counted is None:
            return 0
        await comes_true(lambda: counted.waits >= most, within, self._task.done)
        if self._task.done():
            self._task.result()
        return min(counted.waits, most)

    async def end(self) -> None:
        """Leave nothing of it."""
        self._task.cancel()
        await all_done({self._task}, 1)
        if self._task.done() and not self._task.cancelled():
            self._task.exception()

    def _question(
        self, at: int | asyncio.Event | Callable[[], object] | None
    ) -> tuple[Callable[[], object], str]:
        counted = self._counted
        if isinstance(at, int):
            return lambda: counted is not None and counted.place is not None, f" at await {at}"
        if isinstance(at, asyncio.Event):
            return at.is_set, ""
        if at is not None:
            return at, ""
        return lambda: getattr(self._task, "_fut_waiter", None) is not None, ""

    def _present_place(self) -> str:
        place = None if self._counted is None else self._counted.place
        return place or suspended_in(self._task)
