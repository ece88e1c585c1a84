"""One run of a worker: Procrastinate's options and tasks, put to the engine's worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from pytest_taskq.core.errors import describe_names
from pytest_taskq.core.instants import to_instant
from pytest_taskq.core.job import Job as Record
from pytest_taskq.core.job import JobId, State
from pytest_taskq.core.outcome import Again, Outcome
from pytest_taskq.engine.execute import describe_failure
from pytest_taskq.engine.locks import holds_of, lock_of, others_of, queueing_lock_of
from pytest_taskq.engine.report import Report
from pytest_taskq.engine.tasks import Attempt, Tasks
from pytest_taskq.engine.tasks import Task as EngineTask
from pytest_taskq.engine.until_stopped import until_stopped
from pytest_taskq.engine.worker import Worker
from pytest_taskq.procrastinate._attempt import Attempts
from pytest_taskq.procrastinate._records import row_of
from pytest_taskq.procrastinate.exceptions import TaskNotFound
from pytest_taskq.procrastinate.jobs import DeleteJobCondition, Job
from pytest_taskq.procrastinate.middleware import Middleware, check_kind
from pytest_taskq.procrastinate.tasks import Task

if TYPE_CHECKING:
    from pytest_taskq.procrastinate.app import App

__all__ = ["WorkerOptions", "WorkerRun"]

SHOWN = 10
WIDTH = 100


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    """The options of ``run_worker``, described there."""

    queues: Iterable[str] | None = None
    name: str = "worker"
    concurrency: int = 1
    wait: bool = True
    fetch_job_polling_interval: float = 5
    abort_job_polling_interval: float = 5
    shutdown_graceful_timeout: float | None = None
    listen_notify: bool = True
    delete_jobs: str | DeleteJobCondition = DeleteJobCondition.NEVER
    additional_context: dict[str, Any] | None = None
    install_signal_handlers: bool = True
    update_heartbeat_interval: float = 10
    stalled_worker_timeout: float = 30
    task_middleware: Sequence[Middleware] | None = None
    worker_middleware: Sequence[Middleware] | None = None
    raise_errors: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.queues, str):
            raise TypeError(
                f"The queues of a worker are a list of names. It is the text {self.queues!r}. "
                f"Write [{self.queues!r}]."
            )
        conditions = [condition.value for condition in DeleteJobCondition]
        if self.delete_jobs not in conditions:
            raise ValueError(
                f"A worker has three ways to delete finished jobs. delete_jobs is "
                f"{self.delete_jobs!r}. Write one of {', '.join(map(repr, conditions))}."
            )
        check_kind("a worker", True, self.worker_middleware or ())


class WorkerRun:
    """One run of a worker of an app; ``only`` and ``ends`` are those of the engine's worker."""

    def __init__(
        self,
        app: App,
        options: WorkerOptions,
        *,
        only: Callable[[Record], bool] | None = None,
        ends: Callable[[], bool] | None = None,
    ) -> None:
        self.app = app
        self.options = options
        self.queue = app.connector.require_open()
        self._delete = DeleteJobCondition(options.delete_jobs)
        self._ended: dict[JobId, int] = {}
        self._attempts = Attempts(self)
        self._worker = Worker(
            self.queue,
            _RegisteredTasks(self._engine_task),
            name=options.name,
            concurrency=options.concurrency,
            queues=None if options.queues is None else frozenset(options.queues),
            only=only,
            ends=ends,
            ticker=app.ticker,
        )

    async def go(self) -> None:
        """Run, and then raise what the first failed job raised if that was asked for."""
        seen = len(self.queue.history)
        try:
            report = await self._until_cancelled()
        finally:
            await self._delete_finished()
        if self.options.raise_errors and report.failures:
            self._raise_first(report, seen)

    async def what_is_due(self, *, attempts: int | None = None, until: int | None = None) -> Report:
        """See the engine's ``Worker.run_until_idle``."""
        with self.queue.told(self._attempts.note):
            return await self._worker.run_until_idle(attempts=attempts, until=until)

    def stop(self) -> None:
        """Take no more jobs; the run ends after those in hand. For a middleware to call."""
        self._worker.stop()

    async def _until_cancelled(self) -> Report:
        """Run; when cancelled wait for the jobs in hand, as Procrastinate's worker does."""
        waits = self.options.wait
        run = asyncio.ensure_future(
            self._worker.run_forever() if waits else self._worker.run_until_idle()
        )
        calls = "run_worker_async(wait=False)", "run_worker(wait=False)"
        asked = until_stopped(calls[0], in_sync=calls[1]) if waits else nullcontext()
        try:
            with self.queue.told(self._attempts.note), asked:
                return await asyncio.shield(run)
        except asyncio.CancelledError:
            self._worker.stop()
            try:
                await asyncio.wait({run}, timeout=self.options.shutdown_graceful_timeout)
            finally:
                self._attempts.shut_down()
                self._worker.stop(force=True)
                await asyncio.wait({run})
            raise

    def _engine_task(self, name: str) -> EngineTask:
        task = self.app.tasks.get(name)
        return EngineTask(
            name=name,
            call=partial(_not_found, self.app.tasks)
            if task is None
            else partial(self._attempts.call, task),
            decide=partial(self.after_failure, task),
            follow=None if self._delete is DeleteJobCondition.NEVER else self._note_ended,
        )

    def after_failure(
        self, task: Task[..., Any] | None, attempt: Attempt, error: BaseException
    ) -> Again | None:
        """When and where to try once more. Every failure comes by, of an unknown task too."""
        if self.options.raise_errors and self.options.wait:
            self._worker.stop()
        if task is None or task.retry_strategy is None or attempt.extra:
            return None  # in the database, too, who wants a retry has failed if it was to abort
        record = attempt.job
        decision = task.retry_strategy.get_retry_decision(
            exception=error, job=Job.from_row(row_of(record))
        )
        if decision is None:
            return None
        lock = lock_of(record) if decision.lock is None else decision.lock
        return Again(
            at=to_instant(decision.at(self.queue.clock.time())),
            priority=decision.priority,
            queue=decision.queue,
            holds=(*holds_of(lock, queueing_lock_of(record)), *others_of(record)),
        )

    def _raise_first(self, report: Report, seen: int) -> None:
        """Raise the last error of the first job that has not succeeded.

        The history since it was ``seen`` long knows of jobs that are deleted by now.
        """
        last = {
            event.job.id: event.job.state
            for event in islice(self.queue.history, seen, None)
            if event.verb != "late"
        }
        failed = {
            job.id: (job, error)
            for job, error in report.failures
            if last.get(job.id) is not State.SUCCEEDED
        }
        if not failed:
            return
        (_, first), *others = failed.values()
        if others:
            first.add_note(_told(others))
        raise first

    def _note_ended(self, attempt: Attempt, _outcome: Outcome) -> list[Record]:
        """Remember an attempt of this run; nothing follows from it."""
        self._ended[attempt.job.id] = attempt.job.attempt
        return []

    async def _delete_finished(self) -> None:
        """Delete the jobs whose last attempt was this run's."""
        states = {State.SUCCEEDED}
        if self._delete is DeleteJobCondition.ALWAYS:
            states |= {State.DEAD, State.CANCELLED}
        ended = [(await self.queue.get(job_id), last) for job_id, last in self._ended.items()]
        await self.queue.delete(
            [job for job, last in ended if job and job.attempt == last and job.state in states]
        )


class _RegisteredTasks(Tasks):
    """The tasks of an app as the engine wants them, made when a job first asks for them."""

    def __init__(self, make: Callable[[str], EngineTask]) -> None:
        super().__init__()
        self._make = make

    def __getitem__(self, name: str) -> EngineTask:
        if name not in self:
            return self.add(self._make(name))
        return super().__getitem__(name)


async def _not_found(known: Iterable[str], attempt: Attempt) -> None:
    name = attempt.job.task
    raise TaskNotFound(
        f"No task is registered under the name {name!r}. {describe_names(name, known)} "
        f"Import the module that defines it before the worker runs, or correct the name."
    )


def _told(failed: Sequence[tuple[Record, BaseException]]) -> str:
    """A note that names failed jobs, each with its error in one line."""
    lines = ["Other jobs of this run failed too:"]
    for job, error in failed[:SHOWN]:
        failure = describe_failure(error)
        message = " ".join(failure.message.split())[:WIDTH]
        lines.append(f"  job {job.id} ({job.task}): {failure.type_name}: {message}")
    if len(failed) > SHOWN:
        lines.append(f"  and {len(failed) - SHOWN} more")
    return "\n".join(lines)
