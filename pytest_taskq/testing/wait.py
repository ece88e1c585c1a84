"""Waiting for something that another task, thread or process brings about.

Real time inside: a test that waits with a frozen clock still ends.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeGuard, TypeVar, overload

from pytest_taskq.core.errors import BadOption
from pytest_taskq.engine.loop_time import LoopTime, sleep_real
from pytest_taskq.engine.machine import Stopwatch
from pytest_taskq.engine.queue import LAST_USED
from pytest_taskq.testing.describe import describe_waiting_tasks
from pytest_taskq.testing.evidence import describe_queue
from pytest_taskq.testing.matching import JobPattern, pattern_of
from pytest_taskq.testing.promises import noted
from pytest_taskq.testing.seen import SeenJob
from pytest_taskq.testing.text import in_one_line

__all__ = ["wait_until"]

T = TypeVar("T")


@overload
def wait_until(
    predicate: object,
    *,
    state: str,
    timeout: float = 2.0,
    poll: float = 0.01,
    message: str | None = None,
) -> Coroutine[Any, Any, SeenJob]: ...
@overload
def wait_until(
    predicate: JobPattern | str,
    *,
    timeout: float = 2.0,
    poll: float = 0.01,
    message: str | None = None,
) -> Coroutine[Any, Any, SeenJob]: ...
@overload
def wait_until(
    predicate: Callable[[], Awaitable[T | None]],
    *,
    timeout: float = 2.0,
    poll: float = 0.01,
    message: str | None = None,
) -> Coroutine[Any, Any, T]: ...
@overload
def wait_until(
    predicate: Callable[[], T | None],
    *,
    timeout: float = 2.0,
    poll: float = 0.01,
    message: str | None = None,
) -> Coroutine[Any, Any, T]: ...
@noted("wait_until")
async def wait_until(
    predicate: Any,
    *,
    state: str | None = None,
    timeout: float = 2.0,  # noqa: ASYNC109 - it is the condition's time, and reported as such
    poll: float = 0.01,
    message: str | None = None,
) -> Any:
    """Wait until ``predicate`` is true, and return what it returned.

    It may be sync or async, and may raise an ``Exception`` while it is not true yet.
    ``timeout`` and ``poll`` are real seconds. On time-out raises AssertionError with the
    message, the last value or exception, what the queue looked like, and which tasks wait.

    Given a ``job()``, a task or a ``state``, it waits until such a job is in this state, by
    default "succeeded", and returns it. That fails at once when nothing is due or in hand and
    nothing can move any more, and with BadOption for wrong arguments or an unknown state.

        found = await wait_until(lambda: find_row(7), timeout=1, message="row 7 never came")
        receipt = await wait_until(job(send_receipt, cart_id=7), state="dead")
    """
    __tracebackhide__ = True
    hopeless, differences = _never, _nothing
    from pytest_taskq.testing.awaited_jobs import AwaitedJobs, means_jobs

    if state is not None or means_jobs(predicate):
        predicate = AwaitedJobs(pattern_of(predicate), "succeeded" if state is None else state)
        hopeless, differences = predicate.hopeless, predicate.differences
        message = message or f"{predicate!r} did not come"
    _check(predicate, timeout, poll)
    stopwatch = Stopwatch()
    started = asyncio.get_running_loop().time()
    while True:
        error: Exception | None = None
        left = timeout - stopwatch.seconds()
        try:
            value = await _ask(predicate, max(left, poll))
            last = f"the last time it returned {in_one_line(value)}"
        except Exception as raised:  # noqa: BLE001 - shown if it is the last one
            value, error = None, raised
            last = f"the last time it raised {type(raised).__name__}: {in_one_line(raised, str)}"
        if value:
            return value
        left = timeout - stopwatch.seconds()
        if left <= 0:
            how = f"waited {timeout:g} s; {last}"
            raise AssertionError(_told(message, how, differences())) from error
        if (reason := hopeless()) is not None:
            raise AssertionError(_told(message, f"{reason}; {last}", differences()))
        await _pause(min(poll, left), started)


class _NoAnswerError(Exception):
    """An async predicate had not returned when the time was over."""

    def __str__(self) -> str:
        return "the predicate did not return"


async def _ask(predicate: Callable[[], Any], seconds: float) -> Any:
    value = predicate()
    if not inspect.isawaitable(value):
        return value
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await value
    except TimeoutError:
        if limit.expired():
            raise _NoAnswerError from None
        raise


async def _pause(seconds: float, started: float) -> None:
    # A loop whose clock stands still, because somebody froze `time.monotonic`, never wakes a
    # sleeper; a thread does.
    loop = asyncio.get_running_loop()
    if LoopTime.of(loop) is None and loop.time() == started:
        await asyncio.to_thread(time.sleep, seconds)
    else:
        await sleep_real(seconds)


def _check(predicate: object, timeout: object, poll: object) -> None:
    if not callable(predicate):
        raise BadOption(
            f"wait_until() needs a function to ask again and again. It was given "
            f"{in_one_line(predicate)}. Write wait_until(lambda: ...)."
        )
    if not (_is_number(timeout) and timeout >= 0):
        raise BadOption(
            f"The timeout of wait_until() is in seconds, from 0 up. It is {timeout!r}. "
            f"Leave it out for 2 s."
        )
    if not (_is_number(poll) and poll > 0):
        raise BadOption(
            f"The poll of wait_until() is in seconds, above 0. It is {poll!r}. "
            f"Leave it out for 0.01 s."
        )


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _never() -> str | None:
    return None


def _nothing() -> str:
    return ""


def _told(message: str | None, how: str, differences: str) -> str:
    what = message or "the condition did not become true"
    parts = [f"{what} ({how})", differences]
    queue = LAST_USED.get()
    if queue is not None and (found := queue()) is not None and not found.closed:
        parts.append(describe_queue(found))
    parts.append(describe_waiting_tasks())
    return "\n".join(part for part in parts if part)
