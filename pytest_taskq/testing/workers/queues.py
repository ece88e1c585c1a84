"""Checks on an ``asyncio.Queue``: emptied, marked done, and by how many items."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, TypeVar

from pytest_taskq.core.errors import BadOption
from pytest_taskq.engine.loop_time import LoopTime
from pytest_taskq.testing.promises import noted
from pytest_taskq.testing.text import in_one_line, plural
from pytest_taskq.testing.workers._limit import all_done
from pytest_taskq.testing.workers._words import waiting

__all__ = ["assert_consumed", "drained", "items_of", "watch_queues_of", "watched"]

Q = TypeVar("Q", bound="asyncio.Queue[Any]")
SHOWN = 3
HINT = "make it with taskq.watched(asyncio.Queue())"
HELD = ".\nThe clock is held: let time pass with `await taskq_clock.elapse(...)`, or leave it auto."
MARK = "_taskq_watch"  # on the queue itself: what watches it lives as long


class _Watch:
    """Sees what is taken from one queue, and by which task it is marked done.

    ``task_done()`` does not say which item it means: it is taken for what the calling task took
    last, or else for the oldest of all. ``late``: it may have missed some.
    """

    def __init__(self, queue: Any, *, late: bool) -> None:
        self.late = late
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
            mine = [place for place, (taker, _) in enumerate(self.open) if taker is task]
            if self.open:
                del self.open[mine[-1] if mine else 0]

        queue._get, queue.task_done = taken, task_done  # noqa: SLF001 - the same


def watched(queue: Q) -> Q:
    """The same queue; from now on what is taken is noted, for ``assert_consumed``.

        queue = watched(asyncio.Queue())

    The queues that a worker has as attributes or arguments are watched when ``running`` starts it.
    """
    _check("watched", queue)
    _watch(queue)
    return queue


def watch_queues_of(worker: object) -> None:
    """Watch the queues that an object has as attributes, or a coroutine as arguments."""
    frame = getattr(worker, "cr_frame", None)
    owned = getattr(worker, "__dict__", {}) if frame is None else frame.f_locals
    for value in tuple(owned.values()):
        if isinstance(value, asyncio.Queue):
            _watch(value)


@noted("taskq.drained")
async def drained(queue: asyncio.Queue[Any], *, within: float = 5.0) -> None:
    """Wait until every item is taken and marked done, as ``queue.join()`` does.

    Raises AssertionError when that takes longer than ``within``, which is in seconds of the loop,
    so of the clock of the test where there is one, or when that is held and nothing can move; and
    says what is left. It names what was taken and not marked done, and who has it in hand, if the
    queue is ``watched``, or was taken from since this call.
    """
    _check("drained", queue)
    before = len(_watch(queue, late=True).taken)
    join = asyncio.create_task(queue.join())
    time = LoopTime.of(asyncio.get_running_loop())
    held = time is not None and time.clock.mode == "held"
    still = asyncio.create_task(time.waits.stand_still()) if time is not None and held else None
    if still is not None:
        still.add_done_callback(lambda _: join.cancel())
    try:
        in_time = await all_done({join}, within)
    finally:
        for task in (join, still):
            if task is not None:
                task.cancel()
    if in_time and not join.cancelled():
        return
    left = queue.qsize()
    taken = _unfinished(queue) - left
    told = f", {taken} taken but unfinished{_told(queue, taken)}" if taken else ""
    if not taken and len(_watch(queue).taken) == before:
        told = ", and nobody took from it in that time"
    raise AssertionError(
        f"queue not drained{'' if in_time else f' within {within:g} s'}: "
        f"{plural(left, 'item')} left{told}{HELD if held else ''}"
    )


def assert_consumed(queue: asyncio.Queue[Any], count: int) -> None:
    """Check that so many items were taken and marked done since the queue was ``watched``.

    ``drained`` watches too, from its call on. A None ends a consumer, and does not count.
    Raises AssertionError for another number, and BadOption for a queue that nobody has watched.
    """
    _check("assert_consumed", queue)
    watch: _Watch | None = vars(queue).get(MARK)
    if watch is None:
        raise BadOption(
            f"assert_consumed() cannot tell what was taken from this queue. It was not watched. "
            f"Please {HINT}."
        )
    taken = [item for item in watch.taken if item is not None]
    if len(taken) != count:
        raise AssertionError(
            f"{plural(count, 'item')} should have been consumed, {len(taken)} "
            f"{'was' if len(taken) == 1 else 'were'}: {_listed(taken)}"
            + (f"; left in the queue: {_listed(items_of(queue))}" if queue.qsize() else "")
            + (f". It was watched late: {HINT}" if watch.late else "")
        )
    forgotten = [item for _, item in watch.open]
    if forgotten:
        raise AssertionError(
            f"{plural(count, 'item')} consumed, {len(forgotten)} of them unfinished"
            f"{_told(queue, len(forgotten))}"
        )


def items_of(queue: asyncio.Queue[Any]) -> list[Any]:
    """What is in a queue, without taking it."""
    items: Iterable[Any] = vars(queue)["_queue"]
    return list(items)


def _check(call: str, queue: object) -> None:
    if not isinstance(queue, asyncio.Queue):
        raise BadOption(
            f"{call}() needs an asyncio.Queue. It was given {in_one_line(queue)}. For the jobs of "
            f"the queues under test use taskq.drain() and taskq.assert_executed()."
        )


def _watch(queue: asyncio.Queue[Any], *, late: bool = False) -> _Watch:
    if MARK not in vars(queue):
        vars(queue)[MARK] = _Watch(queue, late=late)
    watch: _Watch = vars(queue)[MARK]
    return watch


def _told(queue: asyncio.Queue[Any], count: int) -> str:
    """Who has the items in hand that were not marked done, or which ones nobody has."""
    if not count:
        return ""
    taken: list[tuple[asyncio.Task[Any] | None, Any]] = vars(queue)[MARK].open[-count:]
    if not taken:
        return f" (task_done() not called for what was taken before it was watched); {HINT}"
    in_hand = {task: item for task, item in taken if task and _is_busy(task, queue)}
    forgotten = [item for task, item in taken if not (task in in_hand and in_hand[task] is item)]
    told = f" (task_done() not called for {_listed(forgotten)})" if forgotten else ""
    for task, item in list(in_hand.items())[:SHOWN]:
        told += f"; {in_one_line(item)} is in hand: {waiting(task)}"
    return told


def _is_busy(task: asyncio.Task[Any], queue: asyncio.Queue[Any]) -> bool:
    """Whether it may still mark as done what it took last: it has not come for more."""
    comes_for_more = getattr(task, "_fut_waiter", None) in vars(queue)["_getters"]
    return not (task.done() or task is _task() or comes_for_more)


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
