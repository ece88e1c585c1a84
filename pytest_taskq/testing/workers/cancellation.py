"""Cancels work where it waits, or at each of its awaits in turn, and looks what comes of it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeAlias

from pytest_taskq.core.errors import BadOption
from pytest_taskq.testing.promises import noted
from pytest_taskq.testing.text import in_one_line
from pytest_taskq.testing.workers._abandon import ending
from pytest_taskq.testing.workers._limit import all_done, comes_true, is_true
from pytest_taskq.testing.workers._words import how_it_ended, suspended_in, waiting

__all__ = ["cancel_and_check", "cancel_at_every_await"]

Make = Callable[[], Coroutine[Any, Any, Any]]
At: TypeAlias = "int | asyncio.Event | Callable[[], object] | None"
Work = Coroutine[Any, Any, Any] | asyncio.Task[Any]


@noted("taskq.cancel_and_check")
async def cancel_and_check(
    work: Work | Make,
    *,
    at: At = None,
    cleaned: Callable[[], object] | None = None,
    within: float = 5.0,
) -> None:
    """Start what is given, cancel it, and check that it lets itself be cancelled and cleans up.

    ``work``: a coroutine, a function that makes one, or a task that runs already. It is cancelled
    ``at`` its n-th await; at the first where an event or function is true; or where it waits
    first for something that takes longer than a turn of the loop.
    ``cleaned`` is asked afterwards. Raises AssertionError when the cancellation was swallowed or
    became another error, when ``cleaned`` is false, or when it takes longer than ``within``.

        await cancel_and_check(sort(gate), cleaned=lambda: gate.is_shut)
    """
    run = _Run(work, at)
    async with ending(run.task):
        await run.reach(within)
        await run.cancel(cleaned, within, f"{{}} (cancelled in {run.place})")


@noted("taskq.cancel_at_every_await")
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
    first = _Run(make)
    async with ending(first.task):
        count = await first.count(most, within)
    for number in range(1, count + 1):
        run = _Run(make, number)
        async with ending(run.task):
            await run.reach(within)
            told = f"cancelled at await {number} of {count} ({run.place}): {{}}"
            await run.cancel(cleaned, within, told)
    return count


class _Counted(Coroutine[Any, Any, Any]):
    """A coroutine that counts how often it waits, and is cancelled where it ``is_there``."""

    def __init__(
        self, coroutine: Coroutine[Any, Any, Any], is_there: Callable[[int], object]
    ) -> None:
        self._coroutine = coroutine
        self._is_there = is_there
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
        if self.place is None and self.task is not None and self._is_there(self.waits):
            self.place = suspended_in(self.task)
            self.task.cancel()  # from within, before what it waits for can come
        return waits_for

    def throw(self, *error: Any) -> Any:
        return self._coroutine.throw(*error)

    def close(self) -> None:
        self._coroutine.close()


class _Run:
    """One run of what is to be cancelled. ``place``: where it was, once it has been reached."""

    def __init__(self, work: object, at: At = None) -> None:
        self.place = "?"
        self._at = at
        is_there = _asked_at_awaits(at)
        work = work() if callable(work) else work
        self._counted: _Counted | None = None
        if isinstance(work, asyncio.Task):
            self.task = work
        elif inspect.iscoroutine(work):
            self._counted = _Counted(work, is_there)
            self.task = self._counted.task = asyncio.create_task(self._counted)
        else:
            raise BadOption(
                f"Only a coroutine or a task can be cancelled. It was given {in_one_line(work)}. "
                f"Give it a coroutine, or a function that makes one."
            )
        if isinstance(at, int) and self._counted is None:
            raise BadOption(
                f"The awaits of a task that runs already cannot be counted. It was given at={at}. "
                f"Give the coroutine itself, or a function or event as `at`."
            )

    async def reach(self, within: float) -> None:
        """Wait until it is where it is to be cancelled."""
        if await comes_true(self._is_there, within, self.task.done):
            self.place = self._place_of_cancellation() or suspended_in(self.task)
            return
        where = f" at await {self._at}" if isinstance(self._at, int) else ""
        if self.task.done():
            raise AssertionError(
                f"it ended before it could be cancelled{where}: {how_it_ended(self.task)}"
            ) from (None if self.task.cancelled() else self.task.exception())
        raise AssertionError(f"it was not there{where} after {within:g} s: {waiting(self.task)}")

    async def cancel(self, cleaned: Callable[[], object] | None, within: float, told: str) -> None:
        """Cancel it, and check what comes of it."""
        if self._place_of_cancellation() is None:
            self.task.cancel()
        if not await all_done({self.task}, within):
            pending = f"cleanup still pending {within:g} s after cancel(): {waiting(self.task)}"
            raise AssertionError(told.format(pending))
        if not self.task.cancelled():
            error, ended = self.task.exception(), how_it_ended(self.task)
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
        await comes_true(lambda: counted.waits >= most, within, self.task.done)
        if self.task.done():
            self.task.result()
        return min(counted.waits, most)

    def _place_of_cancellation(self) -> str | None:
        return None if self._counted is None else self._counted.place

    def _is_there(self) -> bool:
        if self._place_of_cancellation() is not None:
            return True
        if self._at is None:
            return getattr(self.task, "_fut_waiter", None) is not None
        return not (isinstance(self._at, int) or self.task.done()) and bool(_ask(self._at))


def _asked_at_awaits(at: At) -> Callable[[int], object]:
    """Whether this is the await at which to cancel; where it waits first is found otherwise."""
    if at is None:
        return lambda _: False
    if isinstance(at, int):
        if at < 1:
            raise BadOption(
                f"Awaits are counted from 1. It was given at={at}. Leave it out to cancel where it "
                f"waits first."
            )
        return lambda waits: waits == at
    return lambda _: _ask(at)


def _ask(at: asyncio.Event | Callable[[], object]) -> object:
    return at.is_set() if isinstance(at, asyncio.Event) else at()
