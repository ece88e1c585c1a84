"""One attempt of one job: its arguments, its context, its time limit, its outcome."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any

from pytest_taskq.core.instants import to_datetime, to_micros
from pytest_taskq.core.job import Job, State
from pytest_taskq.core.outcome import Again, Outcome, Snoozed, Succeeded
from pytest_taskq.core.payload import encode_result
from pytest_taskq.engine.execute import describe_failure, within
from pytest_taskq.engine.tasks import Attempt, Task, call_function
from pytest_taskq.soniq._arguments import result_as_stored
from pytest_taskq.soniq._around import Around
from pytest_taskq.soniq._registry import REFUSALS, Registration
from pytest_taskq.soniq._rows import (
    AT_ONCE,
    AttemptsExceeded,
    InvalidArguments,
    beside_twins,
    error_text,
    row_id,
)
from pytest_taskq.soniq.job import JobContext, Snooze
from pytest_taskq.soniq.retry import RetryPolicy, micros_until_retry
from pytest_taskq.soniq.settings import SoniqSettings

__all__ = ["Conduct", "task_of"]


class Conduct:
    """How an app treats all its jobs: settings, retry policy, and what is called around them."""

    def __init__(self, settings: SoniqSettings, policy: RetryPolicy) -> None:
        self.settings = settings
        self.policy = policy
        self.around = Around()


def task_of(job: Registration, conduct: Conduct) -> Task:
    """The engine's task for a registered job."""
    return Task(
        name=job.name, call=_Runner(job, conduct).call, decide=partial(_again, job, conduct)
    )


class _Runner:
    """Runs the attempts of one registered job, from the outside inwards."""

    def __init__(self, job: Registration, conduct: Conduct) -> None:
        self._job = job
        self._settings = conduct.settings
        self._around = conduct.around
        self._function: Callable[..., Awaitable[Any]] = job.function
        if not inspect.iscoroutinefunction(inspect.unwrap(job.function)):
            self._function = partial(call_function, job.function)

    async def call(self, attempt: Attempt) -> Outcome | None:
        """The attempt with its hooks."""
        if attempt.job.attempt > attempt.job.labels["max_attempts"]:
            raise AttemptsExceeded
        around = self._around
        outcome = await (around.call(self._run, attempt) if around else self._run(attempt))
        if self._settings.result_ttl == 0:
            attempt.recorded = partial(_recorded_and_gone, attempt, attempt.recorded)
        return outcome

    async def _run(self, attempt: Attempt) -> Outcome | None:
        """With its arguments and its time limit, to its outcome."""
        job = self._job
        if job.model is not None:
            attempt.kwargs = _validated(job.model, attempt.kwargs)
        if job.context is not None:
            attempt.kwargs[job.context] = _context(attempt)
        seconds = self._settings.job_timeout if job.timeout is None else job.timeout
        body = (
            self._inside(attempt) if self._around.middleware else self._function(**attempt.kwargs)
        )
        value = await (
            within(seconds, body, f"Job timed out after {seconds}s") if seconds else body
        )
        if value is None:
            return None
        if isinstance(value, Snooze):
            return _snoozed(value, attempt, self._settings)
        return Succeeded(encode_result(result_as_stored(job.name, value)))

    def _inside(self, attempt: Attempt) -> Awaitable[Any]:
        """The function inside the middleware."""
        handler = self._around.chain(lambda _context: self._function(**attempt.kwargs))
        return handler(_context(attempt))


async def _recorded_and_gone(
    attempt: Attempt, before: Callable[[Job], Awaitable[None]] | None, job: Job
) -> None:
    """With ``result_ttl=0`` nothing is left of a job that succeeded."""
    if before is not None:
        await before(job)
    if job.state is State.SUCCEEDED:
        await attempt.worker.queue.delete([job])


def _again(
    job: Registration, conduct: Conduct, attempt: Attempt, error: BaseException
) -> Again | None:
    record = attempt.job
    if record.attempt >= record.labels["max_attempts"] or isinstance(error, InvalidArguments):
        return None
    queue = attempt.worker.queue

    def text() -> str:
        return error_text(describe_failure(error))

    delay = micros_until_retry(conduct.policy, record.attempt, job.meta, text, queue.rng)
    if delay is None:
        return None
    now = queue.clock.now()
    rank = now + delay if delay else AT_ONCE
    return Again(at=now + delay, rank=rank, holds=beside_twins(record))


def _validated(model: type[Any], args: dict[str, Any]) -> dict[str, Any]:
    """The arguments as the model reads them."""
    try:
        return dict(model(**args).model_dump())
    except REFUSALS as error:
        raise InvalidArguments(f"Corrupted argument data: {error}") from error


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


def _snoozed(asked: Snooze, attempt: Attempt, settings: SoniqSettings) -> Snoozed:
    """Seconds below 0 count as 0, and those above the setting as the setting, as soniq 0.1."""
    seconds = min(max(float(asked.seconds), 0.0), settings.snooze_max_seconds)
    if seconds < asked.seconds:
        logging.getLogger(__name__).warning(
            "%s snoozes for %g s and not %g s: snooze_max_seconds.",
            attempt.job.task, seconds, asked.seconds,
        )  # fmt: skip
    until = attempt.worker.queue.clock.now() + to_micros(seconds)
    return Snoozed(until=until, reason=asked.reason, rank=until, holds=beside_twins(attempt.job))
