"""What an app does around its jobs: middleware, hooks, and a sink for its figures."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from pytest_taskq.core.job import Job, State
from pytest_taskq.core.outcome import Outcome, Snoozed
from pytest_taskq.engine.execute import describe_failure
from pytest_taskq.engine.interrupt import raised_by_a_statement
from pytest_taskq.engine.machine import Stopwatch
from pytest_taskq.engine.tasks import Attempt
from pytest_taskq.soniq._rows import InvalidArguments, error_text, row_id
from pytest_taskq.soniq.job import JobContext
from pytest_taskq.soniq.metrics import MetricsSink

__all__ = ["Around", "Handler", "Hook"]

Hook = Callable[..., Any]
Handler = Callable[[JobContext], Awaitable[Any]]
NAMES = {State.SUCCEEDED: "done", State.QUEUED: "failed", State.DEAD: "dead_letter"}


class Around:
    """The functions that an app calls around its jobs. No hook can make a job fail."""

    def __init__(self) -> None:
        self.before_job: list[Hook] = []
        self.after_job: list[Hook] = []
        self.on_error: list[Hook] = []
        self.middleware: list[Hook] = []
        self.sink: MetricsSink | None = None

    def __bool__(self) -> bool:
        return bool(self.before_job or self.after_job or self.on_error or self.sink)

    def chain(self, handler: Handler) -> Handler:
        """The handler inside the middleware; the one registered first is the outermost."""
        for layer in reversed(self.middleware):
            handler = _wrapped(layer, handler)
        return handler

    async def call(
        self, run: Callable[[Attempt], Awaitable[Outcome | None]], attempt: Attempt
    ) -> Outcome | None:
        """Run an attempt, and tell those who want to know."""
        job = attempt.job
        job_id = row_id(job.id)
        watch = Stopwatch()
        if self.sink is not None:
            await self.sink.record_job_start(
                job_id=job_id, job_name=job.task, queue=job.queue, attempt=job.attempt
            )
        await _tell(self.before_job, job.task, job_id, job.attempt)
        text = None
        try:
            outcome = await run(attempt)
        except BaseException as error:
            if not _from_outside(error):
                text = error_text(describe_failure(error))
                if not isinstance(error, InvalidArguments):
                    await _tell(self.on_error, job.task, job_id, text, job.attempt)
                attempt.recorded = partial(self._recorded, watch.seconds(), text, None)
            raise
        attempt.recorded = partial(self._recorded, watch.seconds(), None, outcome)
        return outcome

    async def _recorded(
        self, seconds: float, text: str | None, outcome: Outcome | None, job: Job
    ) -> None:
        if job.state is State.SUCCEEDED:
            await _tell(self.after_job, job.task, row_id(job.id), round(seconds * 1000, 2))
        if self.sink is None:
            return
        snoozed = isinstance(outcome, Snoozed)
        await self.sink.record_job_end(
            job_id=row_id(job.id),
            job_name=job.task,
            queue=job.queue,
            status="snoozed" if snoozed else NAMES.get(job.state, "failed"),
            duration_s=seconds,
            error=text,
        )


def _wrapped(layer: Hook, inner: Handler) -> Handler:
    async def outer(context: JobContext) -> Any:
        return await layer(context, inner)

    return outer


async def _tell(functions: list[Hook], *args: object) -> None:
    """Call them in order of registration; what one raises is logged."""
    for function in functions:
        try:
            value = function(*args)
            if inspect.isawaitable(value):
                await value
        except Exception:  # a hook must not decide on the job, as soniq 0.1
            logging.getLogger(__name__).exception("The hook %r failed", function)


def _from_outside(error: BaseException) -> bool:
    """Whether somebody ended the attempt, in distinction to a job that raised it itself.

    That is a worker which cancels it, a Ctrl-C, or the loop that closes what still runs.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0
    ending = isinstance(error, KeyboardInterrupt | GeneratorExit)
    return ending and not raised_by_a_statement(error.__traceback__)
