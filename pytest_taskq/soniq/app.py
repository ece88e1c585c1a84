"""The Soniq app: jobs are registered on it, enqueued through it, and run by its worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

from pytest_taskq.core.errors import BadOption, NameHeld
from pytest_taskq.core.job import Job
from pytest_taskq.engine.tasks import Tasks
from pytest_taskq.soniq._attempt import Hooks, task_of
from pytest_taskq.soniq._enqueue import Options, Target, When, called, known, new_job
from pytest_taskq.soniq._registry import Delay, Registration, named, registration
from pytest_taskq.soniq._rows import row_id
from pytest_taskq.soniq._running import run, worker_of
from pytest_taskq.soniq._settings import read_settings, warn_of_options
from pytest_taskq.soniq._table import Table
from pytest_taskq.soniq._under_test import UnderTest
from pytest_taskq.soniq.backend import MemoryBackend
from pytest_taskq.soniq.dead_letter import DeadLetterService

__all__ = ["Soniq", "make_app"]

P = ParamSpec("P")
R = TypeVar("R")


class Soniq(Table):
    """A queue with its jobs, in the words of soniq 0.1.

    ``backend``: "memory" or a MemoryBackend; BadOption (a ValueError) for anything else.
    ``settings``: the library's by name; of an unknown one comes a warning.

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
        **settings: Any,
    ) -> None:
        if backend == "memory":
            backend = MemoryBackend()
        if not isinstance(backend, MemoryBackend):
            asked = repr(backend) if backend is not None else f"database_url={database_url!r}"
            raise BadOption(
                f"This Soniq cannot keep its jobs where it was told to. It was given {asked}, and "
                f'it has the memory only. Use make_app() or Soniq(backend="memory").'
            )
        super().__init__(backend, read_settings(settings))
        self._registered: dict[str, Registration] = {}
        self._tasks = Tasks()
        self._hooks = Hooks()

    @property
    def dead_letter(self) -> DeadLetterService:
        """The jobs that used up their attempts."""
        return DeadLetterService(self._open())

    def job(
        self,
        *,
        name: str | None = None,
        retries: int = 3,
        max_retries: int | None = None,
        priority: int = 100,
        queue: str = "default",
        unique: bool = False,
        retry_delay: Delay = 0,
        retry_backoff: bool = False,
        retry_max_delay: float | None = None,
        retry_jitter: bool = True,
        timeout: float | None = None,
        **others: Any,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Register a function; calling it still runs its body, with no queue involved.

        Without ``name`` it is called after its module and itself. A job runs once more than
        ``max_retries`` (or ``retries``) says. A lower ``priority`` runs first. Delays and
        ``timeout`` (0: none) are in seconds. Raises SoniqError for a bad name, BadOption for a
        bad delay; options unknown here are warned of.
        """
        if others:
            warn_of_options(others)
        settings = self._settings

        def decorate(function: Callable[P, R]) -> Callable[P, R]:
            job = registration(
                function,
                name=name,
                pattern=settings.task_name_pattern,
                route_map=settings.route_map,
                retries=retries if max_retries is None else max_retries,
                priority=priority,
                queue=queue,
                unique=unique,
                delay=retry_delay,
                backoff=retry_backoff,
                max_delay=retry_max_delay,
                jitter=retry_jitter,
                timeout=timeout,
            )
            self._registered[job.name] = job
            self._tasks.add(task_of(job, self._hooks, settings))
            return named(function, job.name)

        return decorate

    def before_job(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        """Call ``hook(job_name, job_id, attempts)`` before each attempt."""
        self._hooks.before_job.append(hook)
        return hook

    def after_job(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        """Call ``hook(job_name, job_id, duration_ms)`` after each attempt that succeeded."""
        self._hooks.after_job.append(hook)
        return hook

    def on_error(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        """Call ``hook(job_name, job_id, error_text, attempts)`` after each that failed."""
        self._hooks.on_error.append(hook)
        return hook

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
            raise ValueError(
                "Transactional enqueue is not supported by MemoryBackend. A connection was given. "
                "Leave it out."
            )
        options = Options(queue, priority, scheduled_at, unique, dedup_key)
        return row_id((await self._put(self._job_of(target, args, kwargs, options))).id)

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
        queue = self._open()
        if concurrency is None:
            concurrency = 1 if run_once else self._settings.concurrency
        return await run(
            worker_of(queue, self._tasks, concurrency, queues),
            run_once=run_once,
            max_jobs=max_jobs,
            shutdown_event=shutdown_event,
            shutdown_timeout=self._settings.shutdown_timeout,
        )

    def under_test(self) -> UnderTest:
        """This app as the harness of the fixture ``taskq`` sees it."""
        return UnderTest(self, self._open(), self._registered, self._tasks)

    def _job_of(
        self, target: Target, args: dict[str, Any] | None, kwargs: dict[str, Any], options: Options
    ) -> Job:
        """The job that ``enqueue`` stores; raises what it raises."""
        settings = self._settings
        name, arguments = called(target, args, kwargs, settings.task_name_pattern)
        job = known(name, self._registered, settings)
        return new_job(self._open(), settings, name, job, arguments, options)

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


def make_app(**overrides: Any) -> Soniq:
    """An app in memory, with these settings."""
    return Soniq(backend="memory", **overrides)
