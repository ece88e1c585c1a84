"""One attempt of one job: the hooks around it, its context, its time limit, its outcome."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any

from pytest_taskq.core.instants import to_datetime, to_micros
from pytest_taskq.core.job import Job, State
from pytest_taskq.core.outcome import Again, Snoozed
from pytest_taskq.engine.execute import describe_failure, within
from pytest_taskq.engine.interrupt import raised_by_a_statement
from pytest_taskq.engine.machine import Stopwatch
from pytest_taskq.engine.tasks import Attempt, Task, call_function
from pytest_taskq.soniq._arguments import result_as_stored
from pytest_taskq.soniq._registry import Registration
from pytest_taskq.soniq._rows import AT_ONCE, beside_twins, error_text, row_id
from pytest_taskq.soniq._settings import Settings
from pytest_taskq.soniq.job import JobContext, Snooze

__all__ = ["Hooks", "task_of"]

logger = logging.getLogger(__name__)


class Hooks:
    """The functions that an app calls around its jobs. None of them can make a job fail."""

    def __init__(self) -> None:
        self.before_job: list[Callable[..., Any]] = []
        self.after_job: list[Callable[..., Any]] = []
        self.on_error: list[Callable[..., Any]] = []

    def __bool__(self) -> bool:
        return bool(self.before_job or self.after_job or self.on_error)

    async def around(self, run: Callable[[Attempt], Awaitable[Any]], attempt: Attempt) -> Any:
        """Run an attempt, and tell those who want to know."""
        job = attempt.job
        job_id = row_id(job.id)
        await _tell(self.before_job, job.task, job_id, job.attempt)
        watch = Stopwatch()
        try:
            value = await run(attempt)
        except BaseException as error:
            if not _from_outside(error):
                text = error_text(describe_failure(error))
                await _tell(self.on_error, job.task, job_id, text, job.attempt)
            raise
        if self.after_job and not isinstance(value, Snooze):
            milliseconds = round(watch.seconds() * 1000, 2)
            attempt.recorded = partial(self._succeeded, milliseconds)
        return value

    async def _succeeded(self, milliseconds: float, job: Job) -> None:
        if job.state is State.SUCCEEDED:
            await _tell(self.after_job, job.task, row_id(job.id), milliseconds)


async def _tell(functions: list[Callable[..., Any]], *args: object) -> None:
    """Call them in order of registration; what one raises is logged."""
    for function in functions:
        try:
            value = function(*args)
            if inspect.isawaitable(value):
                await value
        except Exception:  # a hook must not decide on the job, as soniq 0.1
            logger.exception("The hook %r failed", function)


def task_of(job: Registration, hooks: Hooks, settings: Settings) -> Task:
    """The engine's task for a registered job."""
    seconds = (settings.job_timeout if job.timeout is None else job.timeout) or None
    function = job.function
    if not inspect.iscoroutinefunction(function):
        function = partial(call_function, function)

    too_late = f"Job timed out after {seconds}s"

    async def run(attempt: Attempt) -> Any:
        if seconds is None:
            return await function(**attempt.kwargs)
        body = function(**attempt.kwargs)
        return await within(seconds, body, too_late)

    async def call(attempt: Attempt) -> Any:
        if job.context is not None:
            attempt.kwargs[job.context] = _context(attempt)
        value = await (hooks.around(run, attempt) if hooks else run(attempt))
        if value is None:
            return None
        if isinstance(value, Snooze):
            return _snoozed(value, attempt, settings)
        return result_as_stored(job.name, value)

    return Task(name=job.name, call=call, decide=partial(_again, job))


def _again(job: Registration, attempt: Attempt, error: BaseException) -> Again | None:
    if attempt.job.attempt >= attempt.job.labels["max_attempts"]:
        return None
    queue = attempt.worker.queue
    delay = job.retry.delay(attempt.job.attempt, error, queue.rng)
    if delay is None:
        return None
    now = queue.clock.now()
    at = now + to_micros(delay)
    return Again(at=at, rank=at if at > now else AT_ONCE, holds=beside_twins(attempt.job))


def _context(attempt: Attempt) -> JobContext:
    job = attempt.job
    waited: datetime | None = None if job.rank == AT_ONCE else to_datetime(job.due_at)
    return JobContext(
        job_id=row_id(job.id),
        job_name=job.task,
        attempt=job.attempt,
        max_attempts=job.labels["max_attempts"],
        queue=job.queue,
        worker_id=attempt.worker.name,
        scheduled_at=waited,
        created_at=to_datetime(job.created_at),
    )


def _snoozed(asked: Snooze, attempt: Attempt, settings: Settings) -> Snoozed:
    """Seconds below 0 count as 0, and those above the setting as the setting, as soniq 0.1."""
    seconds = min(max(asked.seconds, 0.0), settings.snooze_max_seconds)
    until = attempt.worker.queue.clock.now() + to_micros(seconds)
    return Snoozed(until=until, reason=asked.reason, rank=until, holds=beside_twins(attempt.job))


def _from_outside(error: BaseException) -> bool:
    """Whether somebody ended the attempt, in distinction to a job that raised it itself.

    That is a worker which cancels it, a Ctrl-C, or the loop that closes what still runs.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0
    ending = isinstance(error, KeyboardInterrupt | GeneratorExit)
    return ending and not raised_by_a_statement(error.__traceback__)
