"""Worker: runs the tasks of a docket, until they are finished or for ever."""

from __future__ import annotations

import logging
import os
import socket
import warnings
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from contextvars import Token
from datetime import timedelta
from functools import partial
from math import inf
from types import TracebackType
from typing import Any, Self

from pytest_taskq.core.errors import BadOption, describe_names
from pytest_taskq.core.instants import to_micros
from pytest_taskq.core.job import Job
from pytest_taskq.docket._attempt import DocketTasks
from pytest_taskq.docket._automatic import Automatic
from pytest_taskq.docket._current import CurrentExecution
from pytest_taskq.docket._dependency import current_docket, current_worker
from pytest_taskq.docket._depends import SharedContext
from pytest_taskq.docket._main import run_worker
from pytest_taskq.docket._patched import follow_patched_datetime
from pytest_taskq.docket._plan import get_signature
from pytest_taskq.docket._resolution import worker_dependencies
from pytest_taskq.docket._signature import compact_signature
from pytest_taskq.docket._states import TaskFunction
from pytest_taskq.docket.docket import Docket
from pytest_taskq.docket.execution import Execution
from pytest_taskq.engine.report import Report
from pytest_taskq.engine.worker import Worker as EngineWorker

__all__ = ["MESSAGE_BATCH", "Worker", "default_fallback_task"]

MESSAGE_BATCH = 1000

HOST = socket.gethostname()
Running = Callable[[], Awaitable[Report]]

logger = logging.getLogger("docket.worker")


async def default_fallback_task(
    *args: Any,
    execution: Execution = CurrentExecution(),  # noqa: B008 - a dependency is made for this
    **kwargs: Any,
) -> None:
    """Stands in for a task that is not registered: warns, and lets the execution complete."""
    logger.warning(
        "Unknown task %r received - dropping %s. %s Register via CLI (--tasks your.module:tasks), "
        "or with docket.register() before the worker runs.",
        execution.function_name,
        execution.call_repr(),
        describe_names(execution.function_name, execution.docket.tasks),
    )


class Worker:
    """Runs the tasks of a docket, up to ``concurrency`` at once.

    ``name`` is host and process id unless given. ``redelivery_timeout``: how long a task is
    its worker's without a sign of life; it holds for what the docket hands out from the next
    run on. ``schedule_automatic_tasks``: whether a run begins by scheduling the automatic
    perpetual tasks. ``fallback_task`` runs in place of tasks that are not registered. The
    engine wakes its workers itself, so the intervals at which the library looks for work
    change nothing here.

        async with Worker(docket) as worker:
            await worker.run_until_finished()
    """

    def __init__(
        self,
        docket: Docket,
        name: str | None = None,
        concurrency: int = 10,
        redelivery_timeout: timedelta = timedelta(minutes=5),
        reconnection_delay: timedelta = timedelta(seconds=5),
        minimum_check_interval: timedelta = timedelta(milliseconds=250),
        scheduling_resolution: timedelta = timedelta(milliseconds=250),
        schedule_automatic_tasks: bool = True,
        enable_internal_instrumentation: bool = False,
        fallback_task: TaskFunction | None = None,
        dependencies: Mapping[str, Any] | Sequence[Any] | None = None,
        message_batch: int = MESSAGE_BATCH,
    ) -> None:
        if message_batch < 1:
            raise BadOption(
                f"message_batch must be at least 1. It is {message_batch!r}. "
                f"Leave it out, or use a larger number."
            )
        self.docket = docket
        self.name = name or f"{HOST}#{os.getpid()}"
        self.concurrency = concurrency
        self.redelivery_timeout = redelivery_timeout
        self.reconnection_delay = reconnection_delay
        self.minimum_check_interval = minimum_check_interval
        self.scheduling_resolution = scheduling_resolution
        self.schedule_automatic_tasks = schedule_automatic_tasks
        self.enable_internal_instrumentation = enable_internal_instrumentation
        self.fallback_task = fallback_task or default_fallback_task
        self.dependencies = worker_dependencies(dependencies)
        self.message_batch = message_batch
        self.started: Counter[str] | None = None
        """In ``run_at_most``: how many attempts began, by key and by name of the task."""
        self._engines: set[EngineWorker] = set()
        self._shared: SharedContext | None = None
        self._outside: list[Token[Any]] = []

    @classmethod
    async def run(
        cls,
        docket_name: str = "docket",
        url: str = "redis://localhost:6379/0",
        *,
        tasks: Sequence[str] = ("pytest_taskq.docket.tasks:standard_tasks",),
        fallback_task: str | None = None,
        dependencies: Mapping[str, Any] | Sequence[Any] | str | None = None,
        until_finished: bool = False,
        healthcheck_port: int | None = None,
        metrics_port: int | None = None,
        **options: Any,
    ) -> None:
        """Run a worker with a docket of its own, for ever or ``until_finished``.

        ``tasks``, ``fallback_task`` and ``dependencies`` may be paths: ``"module:attribute"``.
        ``options`` are those of a worker. Signals are not handled, and no ports are opened.
        """
        await run_worker(
            cls,
            Docket(docket_name, url),
            tasks,
            fallback_task,
            dependencies,
            until_finished=until_finished,
            **options,
        )

    async def __aenter__(self) -> Self:
        self._shared = await SharedContext().__aenter__()
        self._outside = [current_docket.set(self.docket), current_worker.set(self)]
        return self

    def labels(self) -> dict[str, str]:
        """What log records tell of the worker."""
        return {**self.docket.labels(), "docket.worker": self.name}

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        frames: TracebackType | None,
    ) -> None:
        for engine in tuple(self._engines):
            await engine.end()
        for token in self._outside:
            with suppress(ValueError):  # left in another task than it was entered in
                token.var.reset(token)
        shared, self._shared = self._shared, None
        if shared is not None:
            await shared.__aexit__(kind, error, frames)

    async def run_until_finished(self) -> None:
        """Run tasks until none is left, those of the future included.

        On a real clock that takes until the last is due. An ``auto`` clock jumps there. On a
        ``held`` clock finished means that nothing is due. No exception of a task comes out.
        Raises NotFinished for a chain without an end, such as a perpetual task, on any clock
        but a real one, where it goes on for ever as in the library.
        """
        engine = self._engine()
        await self._run(engine, engine.run_until_finished)

    async def run_at_most(self, iterations_by_key: Mapping[str, int]) -> None:
        """Run until finished, but what has one of these names only so many times.

        A name is a key, as in the library, or the name of a task. Retries count. What would
        run once more is cancelled, and no more is scheduled under it meanwhile.
        """
        engine = self._engine()
        started = self.started = Counter()

        def is_spent(execution: Execution) -> bool:
            names = (execution.key, execution.function_name)
            return any(started[name] >= iterations_by_key.get(name, inf) for name in names)

        self.docket.strike_list.add_condition(is_spent)
        try:
            report = await self._run(
                engine, partial(engine.run_until_finished, at_most=iterations_by_key)
            )
        finally:
            self.started = None
            self.docket.strike_list.remove_condition(is_spent)
        for name in report.unused:
            warnings.warn(
                f"run_at_most() limits {name!r}, and nothing of that name ran. "
                f"{describe_names(name, self.docket.tasks)} Use a key or the name of a task.",
                stacklevel=2,
            )

    async def run_until_idle(
        self,
        *,
        attempts: int | None = None,
        only: Callable[[Job], bool] | None = None,
        ends: Callable[[], bool] | None = None,
        until: int | None = None,
    ) -> int:
        """Run what is due, and what that enqueues, as the engine's worker of these options does.

        Says how many attempts that took.
        """
        engine = self._engine(only, ends, drains=False)
        report = await self._run(
            engine, partial(engine.run_until_idle, attempts=attempts, until=until)
        )
        return report.attempts

    async def run_forever(self) -> None:
        """Run tasks as they become due. Cancel the asyncio task that awaits this to end it."""
        engine = self._engine()
        await self._run(engine, engine.run_forever)

    def _engine(
        self,
        only: Callable[[Job], bool] | None = None,
        ends: Callable[[], bool] | None = None,
        *,
        drains: bool = True,
    ) -> EngineWorker:
        queue = self.docket.queue
        queue.lease = to_micros(self.redelivery_timeout)
        return EngineWorker(
            queue,
            DocketTasks(self),  # not kept: the two would be a cycle, with loop and queue in it
            name=self.name,
            concurrency=self.concurrency,
            drains=drains,
            only=only,
            ends=ends,
        )

    async def _run(self, engine: EngineWorker, run_engine: Running) -> Report:
        # Not entered, a worker shares its values for as long as the run.
        async with SharedContext() if self._shared is None else nullcontext():
            tokens: list[Token[Any]] = [current_docket.set(self.docket), current_worker.set(self)]
            if self._shared is not None:
                tokens.append(SharedContext.current.set(self._shared))
            self._engines.add(engine)
            try:
                self._announce()
                follow_patched_datetime(self.docket.queue.clock)
                if self.schedule_automatic_tasks:
                    return await Automatic(self.docket).during(run_engine)
                return await run_engine()
            finally:
                self._engines.discard(engine)
                for token in tokens:
                    token.var.reset(token)

    def _announce(self) -> None:
        if logger.isEnabledFor(logging.INFO):
            logger.info("Starting worker %r with the following tasks:", self.name)
            for name, function in self.docket.tasks.items():
                logger.info("* %s(%s)", name, compact_signature(get_signature(function)))
