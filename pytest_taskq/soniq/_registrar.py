"""The half of an app that knows its jobs: registers functions, and makes the engine's tasks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import fields
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar

from pytest_taskq.engine.tasks import Tasks
from pytest_taskq.soniq._attempt import task_of
from pytest_taskq.soniq._extensible import Extensible
from pytest_taskq.soniq._handles import JobFunction, named
from pytest_taskq.soniq._registry import JobOptions, JobRegistry, Registration, registration
from pytest_taskq.soniq.backend import MemoryBackend
from pytest_taskq.soniq.metrics import MetricsSink
from pytest_taskq.soniq.retry import Delay, RetryPolicy
from pytest_taskq.soniq.scheduler import schedule_of
from pytest_taskq.soniq.settings import SoniqSettings, warn_of_options

__all__ = ["Registrar"]

P = ParamSpec("P")
R = TypeVar("R")


class Registrar(Extensible, ABC):
    """The jobs that an app can run, by name."""

    def __init__(
        self,
        backend: MemoryBackend,
        settings: SoniqSettings,
        retry_policy: RetryPolicy | None,
        metrics_sink: MetricsSink | None,
    ) -> None:
        super().__init__(backend, settings, retry_policy, metrics_sink)
        self._registered: dict[str, Registration] = {}
        self._tasks = Tasks()

    @property
    def registry(self) -> JobRegistry:
        """What is registered under each name."""
        return JobRegistry(self._registered)

    def job(
        self,
        *,
        name: str | None = None,
        retries: int = 3,
        max_retries: int | None = None,
        args_model: type[Any] | None = None,
        validate: type[Any] | None = None,
        priority: int = 100,
        queue: str = "default",
        unique: bool = False,
        retry_delay: Delay = 0,
        retry_backoff: bool = False,
        retry_max_delay: float | None = None,
        retry_jitter: bool = True,
        timeout: float | None = None,
        **others: Any,
    ) -> Callable[[Callable[P, R]], JobFunction[P, R]]:
        """Register a function; calling it still runs its body, with no queue involved.

        Without ``name`` it is called after its module and itself. A job runs once more than
        ``max_retries`` (or ``retries``) says. A lower ``priority`` runs first. The arguments
        must fit ``validate`` (or ``args_model``), a pydantic model. Delays and ``timeout`` (0:
        none) are in seconds. Raises SoniqError for a bad name, BadOption for a bad delay;
        options unknown here are warned of.
        """
        if others:
            warn_of_options(others, {each.name for each in fields(JobOptions)} - {"others"})
        return self._registering(
            JobOptions(
                name=name,
                retries=retries,
                max_retries=max_retries,
                args_model=args_model,
                validate=validate,
                priority=priority,
                queue=queue,
                unique=unique,
                retry_delay=retry_delay,
                retry_backoff=retry_backoff,
                retry_max_delay=retry_max_delay,
                retry_jitter=retry_jitter,
                timeout=timeout,
                others=others,
            )
        )

    def periodic(
        self,
        *,
        cron: object = None,
        every: timedelta | float | None = None,
        schedule_args: dict[str, Any] | None = None,
        **options: Any,
    ) -> Callable[[Callable[P, R]], JobFunction[P, R]]:
        """Register a job that ``app.scheduler``, once started, enqueues at each tick.

        ``cron`` and ``every`` as of ``scheduler.add``; ``schedule_args``: the arguments of each
        job. The other options are those of ``job``. Raises BadOption for a bad schedule.
        """
        schedule_of(cron, every)
        spec = {"cron": cron, "every": every, "args": schedule_args}
        return self._registering(JobOptions(**options, others={"periodic": spec}))

    @abstractmethod
    async def enqueue(self, target: Any, /, **options: Any) -> str:
        """Enqueue a job."""

    def _registering(self, options: JobOptions) -> Callable[[Callable[P, R]], JobFunction[P, R]]:
        settings = self._settings

        def decorate(function: Callable[P, R]) -> JobFunction[P, R]:
            job = registration(
                function,
                options,
                pattern=settings.task_name_pattern,
                route_map=settings.route_map,
            )
            self._registered[job.name] = job
            self._tasks.add(task_of(job, self._conduct))
            return named(function, job, self)

        return decorate
