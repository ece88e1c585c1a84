"""Checks on an ``asyncio.Queue``: emptied, marked done, and by how many items."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, TypeVar

from pytest_taskq.core.errors import BadOption
from pytest_taskq.testing.describe import in_one_line
from pytest_taskq.testing.workers._limit import all_done
from pytest_taskq.testing.workers._words import number_of

__all__ = ["assert_consumed", "drained", "items_of", "watched"]

Q = TypeVar("Q", bound="asyncio.Queue[Any]")
SHOWN = 3
MARK = "_taskq_watch"  # on the queue itself: what watches it lives as long


class _Watch:
    """Sees what is taken from one queue, and by which task it is marked done.

    ``task_done()`` does not say which item it means: it is taken for the oldest one of the task
    that calls it, or else for the oldest of all.
    """

    def __init__(self, queue: Any) -> None:
        self.taken: list[Any] = []
        self.open: list[tuple[asyncio.Task[Any] | None, Any]] = []
        take, done = queue._get, queue.task_done  # noqa: SLF001 - the hook for subclasses

        def taken() -> Any:
            item = take()
            self.taken.append(item)
            self.open.append((_task(), item))
            return item

        def task_done() -> None:
            done()
            task = _task()
            mine = [entry for entry in self.open if entry[0] is task] or self.open
            if mine:
                self.open.remove(mine[0])

        queue._get, queue.task_done = taken, task_done  # noqa: SLF001 - the same


def watched(queue: Q) -> Q:
    """The same queue; from now on its takers are counted, for ``assert_consumed``.

    queue = watched(asyncio.Queue())
    """
    if MARK not in vars(queue):
        vars(queue)[MARK] = _Watch(queue)
    return queue


async def drained(queue: asyncio.Queue[Any], *, within: float = 5.0) -> None:
    """Wait until every item is taken and marked done, as ``queue.join()`` does.

    Raises AssertionError when that takes longer, and says what is left. It names what was taken
    and not marked done if the queue is ``watched``, or was taken since this call.
    """
    watched(queue)
    join = asyncio.create_task(queue.join())
    try:
        if await all_done({join}, within):
            return
    finally:
        join.cancel()
    left, unfinished = queue.qsize(), _unfinished(queue)
    raise AssertionError(
        f"queue not drained: {number_of(left, 'item')} left, {unfinished - left} unfinished"
        f"{_forgotten(queue, unfinished - left)}"
    )


def assert_consumed(queue: asyncio.Queue[Any], count: int) -> None:
    """Check that so many items were taken and marked done since the queue was ``watched``.

    ``drained`` watches too, from its call on. None is what ends a consumer, and does not count.
    Raises AssertionError for another number, and BadOption for a queue that nobody has watched.
    """
    watch: _Watch | None = vars(queue).get(MARK)
    if watch is None:
        raise BadOption(
            "assert_consumed() cannot tell what was taken from this queue. It was not watched. "
            "Make it with taskq.watched(asyncio.Queue()), or `await taskq.drained(queue)` before."
        )
    taken = [item for item in watch.taken if item is not None]
    if len(taken) != count:
        raise AssertionError(
            f"{number_of(count, 'item')} should have been consumed, {len(taken)} "
            f"{'was' if len(taken) == 1 else 'were'}: {_listed(taken)}"
            + (f"; left in the queue: {_listed(items_of(queue))}" if queue.qsize() else "")
        )
    forgotten = [item for _, item in watch.open]
    if forgotten:
        raise AssertionError(
            f"{number_of(count, 'item')} consumed, {len(forgotten)} of them unfinished"
            f"{_forgotten(queue, len(forgotten))}"
        )


def items_of(queue: asyncio.Queue[Any]) -> list[Any]:
    """What is in a queue, without taking it."""
    items: Iterable[Any] = vars(queue)["_queue"]
    return list(items)


def _forgotten(queue: asyncio.Queue[Any], count: int) -> str:
    if not count:
        return ""
    items = [item for _, item in vars(queue)[MARK].open][-count:]
    told = _listed(items) if items else "what was taken before the queue was watched"
    return f" (task_done() not called for {told})"


def _unfinished(queue: asyncio.Queue[Any]) -> int:
    count: int = vars(queue)["_unfinished_tasks"]
    return count


def _listed(items: list[Any]) -> str:
    if not items:
        return "none"
    shown = ", ".join(map(in_one_line, items[:SHOWN]))
    return shown if len(items) <= SHOWN else f"{shown} and {len(items) - SHOWN} more"


def _task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None
