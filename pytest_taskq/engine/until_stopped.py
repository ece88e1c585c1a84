"""Runs that do not end by themselves: what was meant instead, and what to say when one is stuck."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from pytest_taskq.core.errors import NotFinished

if TYPE_CHECKING:
    from pytest_taskq.engine.clock import Clock

__all__ = ["did_you_mean", "ends_plainly", "stuck_run", "until_stopped"]

P = ParamSpec("P")
T = TypeVar("T")

_SYNC: ContextVar[bool] = ContextVar("taskq_sync", default=False)
"""Whether a sync call has made the loop."""

_INSTEAD: WeakKeyDictionary[asyncio.Task[object], str] = WeakKeyDictionary()


@contextmanager
def until_stopped(instead: str, *, in_sync: str) -> Iterator[None]:
    """Inside, the asyncio task waits for a worker that runs until it is stopped.

    ``instead``: the call of its library that runs what is due and ends; ``in_sync``: where the
    loop is that of a call that ``ends_plainly``.
    """
    task = asyncio.current_task()
    if task is None:
        yield
        return
    _INSTEAD[task] = in_sync if _SYNC.get() else instead
    try:
        yield
    finally:
        _INSTEAD.pop(task, None)


def ends_plainly(call: Callable[P, T]) -> Callable[P, T]:
    """Let a sync call raise NotFinished without the frames of the loop that it has run."""

    @wraps(call)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        __tracebackhide__ = True
        before = _SYNC.set(True)
        try:
            return call(*args, **kwargs)
        except NotFinished as stuck:
            raise stuck.with_traceback(None) from None
        finally:
            _SYNC.reset(before)

    return called


def did_you_mean(tasks: Iterable[asyncio.Task[object] | None]) -> str:
    """A sentence on the call that ends; empty when none of them waits for such a worker."""
    instead = {_INSTEAD[task] for task in tasks if task is not None and task in _INSTEAD}
    if not instead:
        return ""
    calls = " or ".join(sorted(instead))
    return f"A worker that waits for jobs runs until it is stopped: did you mean {calls}?"


def stuck_run(clock: Clock, in_hand: Iterable[str]) -> NotFinished:
    """Why the run of a worker was ended in which nothing can move; the jobs in hand by task."""
    names = ", ".join(sorted(set(in_hand)))
    if not names:
        found = "No job is in hand, and nothing brings one"
        asked = did_you_mean(asyncio.all_tasks())
        remedy = asked or "A worker that waits for jobs runs until it is stopped: stop it."
    elif clock.mode == "held":
        found = f"In hand is {names}, and the clock is held"
        remedy = 'Let time pass, as taskq.drain(until="1h") does, or use a clock that is auto.'
    else:
        found = f"In hand is {names}, which waits for what nothing can bring about"
        remedy = "Let something wake it, or let it wait with a time-out."
    return NotFinished(f"The run does not end: nothing can move. {found}. {remedy}")
