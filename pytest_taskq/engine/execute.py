"""One attempt of one job: call its task, within its time limit, and say how it ended.

Whatever the task raises becomes an outcome; a job is never lost to it. Three things are not
the task's own: the interruption of the process, a worker that stops the attempt, which it says
before it cancels, and the end of the run.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Generator
from enum import Enum
from types import coroutine
from typing import Any, TypeVar

from pytest_taskq.core.job import Failure, Job
from pytest_taskq.core.outcome import Cancelled, Failed, Outcome, Snoozed, Succeeded
from pytest_taskq.core.payload import encode_result
from pytest_taskq.engine.interrupt import raised_by_a_statement
from pytest_taskq.engine.leases import Ended
from pytest_taskq.engine.tasks import Attempt, Task

__all__ = ["Hand", "Stop", "TimeLimitExceeded", "describe_failure", "execute", "within"]

T = TypeVar("T")

OUTCOMES = (Succeeded, Failed, Snoozed, Cancelled)
NOTHING = Succeeded()


class Stop(Enum):
    """Why a worker cancelled an attempt."""

    CANCEL = "cancel"  # the job was cancelled
    RELEASE = "release"  # the worker stops; the job goes back
    LOST = "lost"  # the lease went to another worker


class Hand:
    """One attempt in hand: its job, its asyncio task, and why it was stopped, if it was.

    ``run``: the asyncio task of the worker's run.
    """

    __slots__ = ("begun", "job", "reason", "run", "task")

    def __init__(self, job: Job, run: asyncio.Task[Any] | None) -> None:
        self.job = job
        self.run = run
        self.task: asyncio.Task[None] | None = None
        self.reason: Stop | None = None
        self.begun = False

    def is_stopped(self) -> bool:
        """Whether its worker has stopped it, or attempt and run were cancelled alike.

        That is what a loop does that closes. A task may also cancel itself, or raise what it
        awaited: that is its own doing.
        """
        if self.reason is not None:
            return True
        return all(task is not None and task.cancelling() > 0 for task in (self.task, self.run))


class TimeLimitExceeded(TimeoutError):
    """The attempt took longer than its task may."""


async def execute(attempt: Attempt, task: Task, hand: Hand) -> Ended:
    """Run the task once. Raises what ends the process, or escapes; nothing else."""
    try:
        if task.timeout is None:
            value = await task.call(attempt)
        else:
            message = f"{task.name} took longer than {task.timeout:g} s"
            value = await within(task.timeout, task.call(attempt), message)
    except BaseException as error:  # noqa: BLE001 - SystemExit and its like end the job only
        return _raised(attempt, task, hand, error)
    if isinstance(value, OUTCOMES):
        return _ended(attempt, task, value)
    return _ended(attempt, task, NOTHING if value is None else Succeeded(encode_result(value)))


def describe_failure(error: BaseException) -> Failure:
    """The error as text, also when its own ``str`` raises."""
    try:
        message = str(error)
    except BaseException as broken:  # noqa: BLE001 - a broken __str__ must not lose the job
        message = f"<its message cannot be shown: {type(broken).__name__}>"
    try:
        text = "".join(traceback.format_exception(error))
    except BaseException:  # noqa: BLE001 - as above; the frames alone can always be shown
        text = "".join(traceback.format_tb(error.__traceback__))
    return Failure(type(error).__qualname__, message, text)


async def within(seconds: float, body: Awaitable[T], message: str) -> T:
    """Await ``body`` for so many seconds at most. Raises TimeLimitExceeded with the message.

    What ``asyncio.timeout`` does, but a body that never waits sets no timer: that would cost
    more than most jobs of a test do.
    """
    steps: Any = body.__await__()
    try:
        waits_for = steps.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a time limit needs a task to cancel")
    before, expired = task.cancelling(), False

    def expire() -> None:
        nonlocal expired
        expired = True
        task.cancel()

    timer = asyncio.get_running_loop().call_later(seconds, expire)
    try:
        rest: T = await _go_on(steps, waits_for)
    except asyncio.CancelledError:
        if expired and task.cancelling() <= before + 1:
            raise TimeLimitExceeded(message) from None
        raise
    else:
        return rest
    finally:
        timer.cancel()
        if expired:
            task.uncancel()


@coroutine
def _go_on(steps: Any, waits_for: Any) -> Generator[Any, Any, Any]:
    """Await what has taken its first step: ``yield from`` that begins in the middle."""
    try:
        while True:
            try:
                sent = yield waits_for
            except BaseException as error:  # noqa: BLE001 - it is thrown on, whatever it is
                waits_for = steps.throw(error)
            else:
                waits_for = steps.send(sent)
    except StopIteration as end:
        return end.value


def _raised(attempt: Attempt, task: Task, hand: Hand, error: BaseException) -> Ended:
    """The end of an attempt that raised; raises on what is not the task's own to raise."""
    if isinstance(error, attempt.worker.queue.escapes):
        raise error
    if isinstance(error, KeyboardInterrupt) and not raised_by_a_statement(error.__traceback__):
        raise error
    if isinstance(error, asyncio.CancelledError):
        if hand.reason is Stop.CANCEL:
            return _ended(attempt, task, Cancelled("cancelled while it ran"))
        if hand.is_stopped():
            return Ended(attempt.job, attempt.worker.put_back(attempt.job))
    return _failed(attempt, task, error)


def _failed(attempt: Attempt, task: Task, error: BaseException) -> Ended:
    failure = describe_failure(error)
    try:
        again = task.after_failure(attempt, error)
    except Exception as broken:  # noqa: BLE001 - a user's retry policy may raise anything
        broken.__context__ = error
        return _ended(attempt, task, Failed(describe_failure(broken)), broken)
    return _ended(attempt, task, Failed(failure, again), error)


def _ended(
    attempt: Attempt, task: Task, outcome: Outcome, error: BaseException | None = None
) -> Ended:
    follow = task.follow(attempt, outcome) if task.follow is not None else ()
    return Ended(attempt.job, outcome, error, follow, attempt.recorded)
