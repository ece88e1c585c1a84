"""The Soniq app: jobs are registered on it, enqueued through it, and run by its worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from pytest_taskq.core.errors import NameHeld
from pytest_taskq.core.job import Job
from pytest_taskq.engine.worker import Worker
from pytest_taskq.soniq._enqueue import Options, Target, When, called, each_of, known, new_job
from pytest_taskq.soniq._registrar import Registrar
from pytest_taskq.soniq._rows import row_id
from pytest_taskq.soniq._running import run, worker_of
from pytest_taskq.soniq._under_test import UnderTest
from pytest_taskq.soniq.backend import MemoryBackend, backend_for, refuse_connection
from pytest_taskq.soniq.dead_letter import DeadLetterService
from pytest_taskq.soniq.errors import SONIQ_TASK_ARGS_INVALID, SoniqError
from pytest_taskq.soniq.metrics import MetricsSink
from pytest_taskq.soniq.plugin import SoniqPlugin
from pytest_taskq.soniq.retry import RetryPolicy
from pytest_taskq.soniq.scheduler import Scheduler
from pytest_taskq.soniq.settings import read_settings

__all__ = ["Soniq", "make_app"]


class Soniq(Registrar):
    """A queue with its jobs, in the words of soniq 0.1.

    ``backend``: "memory", "sqlite" with a path as ``database_url``, or an object; BadOption (a
    ValueError) for what is not there. ``settings``: the library's by name; of an unknown one
    comes a warning.

        app = Soniq(backend="memory")

        @app.job(queue="mail", max_retries=2)
        async def welcome(to: str): ...

        await app.enqueue(welcome, to="ann@example.org")
        await app.run_worker(run_once=True)
    """

    def __init__(
        self,
        database_url: str | None = None,
        backend: str | MemoryBackend | None = None,
        retry_policy: RetryPolicy | None = None,
        metrics_sink: MetricsSink | None = None,
        plugins: Sequence[SoniqPlugin] | None = None,
        autoload_plugins: bool = False,
        **settings: Any,
    ) -> None:
        place = backend_for(backend, database_url)
        super().__init__(place, read_settings(settings), retry_policy, metrics_sink)
        self._scheduler: Scheduler | None = None
        self._warned: set[str] = set()
        self._use_all(plugins or (), autoload=autoload_plugins)

    @property
    def dead_letter(self) -> DeadLetterService:
        """The jobs that used up their attempts."""
        return DeadLetterService(self._open(), self._backend.tags, self._registered)

    @property
    def scheduler(self) -> Scheduler:
        """What enqueues jobs again and again, once it is started."""
        if self._scheduler is None:
            self._scheduler = Scheduler(
                self._open(),
                self._registered,
                lambda: self._settings.task_name_pattern,
                self._scheduled_job,
            )
        return self._scheduler

    async def enqueue(
        self,
        target: Target,
        /,
        *,
        args: dict[str, Any] | None = None,
        queue: str | None = None,
        priority: int | None = None,
        scheduled_at: When = None,
        unique: bool | None = None,
        dedup_key: str | None = None,
        connection: object = None,
        **kwargs: Any,
    ) -> str:
        """Enqueue a registered function with its arguments as keywords, or a name with ``args``.

        ``scheduled_at``: an aware datetime, a timedelta or seconds from now. While a queued job
        has the same ``dedup_key``, or is ``unique`` with the same name and arguments, its id is
        returned instead. Raises SoniqError for an unknown name and for arguments that do not
        fit or are no JSON; nothing is stored then.
        """
        self._open()
        if connection is not None:
            refuse_connection(self._backend)
        options = Options(queue, priority, scheduled_at, unique, dedup_key)
        return row_id((await self._put(self._job_of(target, args, kwargs, options))).id)

    async def enqueue_many(
        self,
        target: Target,
        args_list: list[dict[str, Any]],
        *,
        queue: str | None = None,
        priority: int | None = None,
        scheduled_at: When = None,
    ) -> list[str]:
        """Enqueue a job for each dict of arguments; their ids, in that order.

        All are checked before the first one is stored. Raises TypeError for a unique job, and
        what ``enqueue`` raises; where arguments do not fit, ``index`` in the context of the
        SoniqError tells which.
        """
        place = self._open()
        name = called(target, None, {}, self._settings.task_name_pattern).name
        each_of(args_list, self._registered.get(name), name)
        options = Options(queue, priority, scheduled_at, unique=False)
        jobs = []
        for index, args in enumerate(args_list):
            whole, keywords = (None, args) if callable(target) else (args, {})
            try:
                jobs.append(self._job_of(target, whole, keywords, options))
            except SoniqError as error:
                if error.error_code == SONIQ_TASK_ARGS_INVALID:
                    error.context["index"] = index
                raise
        stored = await place.enqueue_each(jobs)
        return [row_id(job.id) for job in stored if isinstance(job, Job)]

    async def schedule(
        self,
        target: Target,
        run_at: When,
        *,
        args: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> str:
        """``enqueue`` with ``scheduled_at=run_at``."""
        return await self.enqueue(target, args=args, scheduled_at=run_at, **kwargs)

    async def run_worker(
        self,
        concurrency: int | None = None,
        run_once: bool = False,
        queues: Sequence[str] | None = None,
        shutdown_event: asyncio.Event | None = None,
        *,
        max_jobs: int | None = None,
    ) -> bool:
        """Run jobs, and say whether there was any.

        With ``run_once``, until no job is ready: one at a time, unless ``concurrency`` is given.
        A retry without delay is ready at once. ``max_jobs``, which soniq does not have, ends the
        run after so many attempts: with 1 a test sees each one by itself.

        Otherwise for ever, or until ``shutdown_event`` is set; no signal is handled.
        """
        self._open()
        if concurrency is None:
            concurrency = 1 if run_once else self._settings.concurrency
        return await run(
            self._worker(concurrency, queues),
            run_once=run_once,
            max_jobs=max_jobs,
            shutdown_event=shutdown_event,
            shutdown_timeout=self._settings.shutdown_timeout,
        )

    async def run_one(self, queues: Sequence[str] | None = None) -> bool:
        """Make one attempt, of the job that is next, and say whether there was one.

        Soniq does not have it: ``run_worker(run_once=True)`` goes on with retries that are due.
        """
        return await self.run_worker(run_once=True, queues=queues, max_jobs=1)

    def under_test(self) -> UnderTest:
        """This app as the harness of the fixture ``taskq`` sees it."""
        return UnderTest(self, self._open(), self._registered, self._conduct)

    def _worker(
        self,
        concurrency: int,
        queues: Sequence[str] | None = None,
        *,
        only: Callable[[Job], bool] | None = None,
        ends: Callable[[], bool] | None = None,
    ) -> Worker:
        ticker = None if self._scheduler is None else self._scheduler.ticker
        return worker_of(
            self._open(), self._tasks, concurrency, queues, only=only, ends=ends, ticker=ticker
        )

    def _job_of(
        self,
        target: Target,
        args: dict[str, Any] | None,
        kwargs: dict[str, Any],
        options: Options,
    ) -> Job:
        """The job that ``enqueue`` stores; raises what it raises."""
        settings = self._settings
        call = called(target, args, kwargs, settings.task_name_pattern)
        job = known(call, self._registered, settings, self._warned)
        return new_job(self._open(), settings, call, job, options)

    def _scheduled_job(self, name: str, args: dict[str, Any], queue: str, priority: int) -> Job:
        return self._job_of(name, args, {}, Options(queue, priority))

    async def _put(self, job: Job) -> Job:
        """Store a new job; where a queued one has its names, give that one."""
        queue = self._open()
        while True:
            try:
                return await queue.enqueue(job)
            except NameHeld as held:
                found = await queue.get(held.holder or 0)
                if found is not None:
                    return found

    async def _closing(self) -> None:
        if self._scheduler is not None:
            await self._scheduler.stop()
        await super()._closing()


def make_app(**overrides: Any) -> Soniq:
    """An app in memory, with these settings."""
    return Soniq(backend="memory", **overrides)
