"""One run of a task: its context, its middleware, and what a request to abort does to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from inspect import isawaitable, iscoroutinefunction
from typing import TYPE_CHECKING, Any

from pytest_taskq.core import transitions
from pytest_taskq.core.job import Job as Record
from pytest_taskq.core.job import JobId
from pytest_taskq.core.outcome import Cancelled, Failed, Outcome
from pytest_taskq.engine.execute import describe_failure
from pytest_taskq.engine.tasks import Attempt
from pytest_taskq.procrastinate._records import OF_ITSELF, row_of
from pytest_taskq.procrastinate._sync import call_task_function
from pytest_taskq.procrastinate.exceptions import JobAborted
from pytest_taskq.procrastinate.job_context import AbortReason, JobContext
from pytest_taskq.procrastinate.jobs import Job
from pytest_taskq.procrastinate.middleware import Middleware, compose, is_async_middleware
from pytest_taskq.procrastinate.tasks import Task

if TYPE_CHECKING:
    from pytest_taskq.procrastinate._worker import WorkerRun

__all__ = ["Attempts"]


class Attempts:
    """Calls the tasks of one run of a worker."""

    def __init__(self, run: WorkerRun) -> None:
        self._run = run
        self._in_hand: set[JobId] = set()
        self._reasons: dict[JobId, AbortReason] = {}

    def note(self, record: Record | None) -> None:
        """Somebody has changed a job: perhaps it is to be aborted."""
        if record is not None and record.cancel_requested:
            self._reasons.setdefault(record.id, AbortReason.USER_REQUEST)

    def shut_down(self) -> None:
        """The worker waits no longer: what it still has in hand is to be aborted."""
        self._reasons |= dict.fromkeys(self._in_hand, AbortReason.SHUTDOWN)

    async def call(self, task: Task[..., Any], attempt: Attempt) -> Any:
        """Run the task. Procrastinate keeps no value of it; who tests may see it."""
        job_id = attempt.job.id
        context = self._context(attempt.job)
        arguments = [context] if task.pass_context else []
        function = partial(task.func, *arguments, **attempt.kwargs)
        is_async = iscoroutinefunction(task.func)
        around: Sequence[Middleware] = [
            middleware
            for middleware in self._run.options.task_middleware or ()
            if is_async_middleware(middleware) is is_async
        ]
        inner = compose([*around, *task.task_middleware], function, context, self._run)
        body = inner if is_async else partial(self._in_thread, inner, job_id)
        whole = compose(self._run.options.worker_middleware or (), body, context, self._run)
        self._in_hand.add(job_id)
        try:
            result = whole()
            while isawaitable(result):
                result = await result
        except (JobAborted, asyncio.CancelledError) as error:
            return await self._after_abort(task, attempt, error)
        except BaseException:
            is_asked_for, _ = await self._look(job_id)
            attempt.extra = is_asked_for  # then ``after_failure`` wants no other try
            raise
        finally:
            self._in_hand.discard(job_id)
            self._reasons.pop(job_id, None)
        return result

    async def _after_abort(
        self, task: Task[..., Any], attempt: Attempt, error: BaseException
    ) -> Outcome:
        """What becomes of a job whose task was cancelled, or aborted itself.

        A cancellation has its say in whether there is another try. Raises the error again when
        it is the engine that stops the attempt.
        """
        job_id = attempt.job.id
        is_asked_for, reason = await self._look(job_id)
        if isinstance(error, asyncio.CancelledError):
            if reason is None and attempt.is_stopped():
                raise error
            _uncancel()
        if isinstance(error, asyncio.CancelledError) or reason is AbortReason.SHUTDOWN:
            again = self._run.after_failure(task, attempt, error)
            if again is not None:
                return Failed(describe_failure(error), None if is_asked_for else again)
        if not is_asked_for:
            told = OF_ITSELF, None
            await self._run.queue.change(job_id, "cancel", transitions.cancel, told)
        return Cancelled("aborted")

    def _context(self, record: Record) -> JobContext:
        options = self._run.options

        return JobContext(
            app=self._run.app,
            worker_name=options.name,
            worker_queues=options.queues,
            job=Job.from_row(row_of(record)),
            start_timestamp=self._run.queue.clock.now() / 1e6,
            additional_context=copy(options.additional_context or {}),
            abort_reason=partial(self._reasons.get, record.id),
        )

    async def _in_thread(self, function: Callable[[], Any], job_id: JobId) -> Any:
        """Call a sync task. It goes on when it is to be aborted: it has to look for itself."""
        running = asyncio.ensure_future(_guarded(function))
        while True:
            try:
                returned, value = await asyncio.shield(running)
                break
            except asyncio.CancelledError:
                _, reason = await self._look(job_id)
                if reason is None:
                    running.cancel()
                    raise
                _uncancel()
        if not returned:
            raise value
        return value

    async def _look(self, job_id: JobId) -> tuple[bool, AbortReason | None]:
        """Whether somebody has asked for the end of a job, and why it is to end."""
        record = await self._run.queue.get(job_id)
        self.note(record)
        return record is not None and record.cancel_requested, self._reasons.get(job_id)


def _uncancel() -> None:
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()


async def _guarded(function: Callable[[], Any]) -> tuple[bool, Any]:
    """What it returned, or raised: a SystemExit in a task of its own would end the loop."""
    try:
        return True, await call_task_function(function)
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001 - raised again by who waits
        return False, error
