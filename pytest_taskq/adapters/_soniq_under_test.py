"""A real app of Soniq in front of the harness: its tasks, its jobs, and how they run."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from pytest_taskq.adapters._cron_ticks import CronTicks, KnownTicks
from pytest_taskq.adapters._soniq_jobs import Jobs
from pytest_taskq.adapters._soniq_rows import stored_args
from pytest_taskq.adapters._soniq_running import Running
from pytest_taskq.core.errors import UnknownTask
from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import Job
from pytest_taskq.core.schedule import Schedule, every
from pytest_taskq.engine.under_test import (
    UNBOUNDED,
    Bounds,
    Call,
    OnQueue,
    TaskInfo,
    Told,
    name_by_module,
)

__all__ = ["UnderTest"]


class UnderTest(OnQueue):
    """See ``AppUnderTest``.

    ``context``: the class of parameters that Soniq fills in itself. ``croniter``: that of what
    it reads cron expressions with.
    """

    library = "soniq"

    def __init__(
        self, app: Any, backend: Jobs, running: Running, context: type[Any], croniter: type[Any]
    ) -> None:
        super().__init__(backend.queue)
        self._app = app
        self._backend = backend
        self._running = running
        self._context = context
        self._croniter = croniter
        self._ticks = KnownTicks()

    def tasks(self) -> Mapping[str, TaskInfo]:
        """See ``AppUnderTest.tasks``."""
        return {name: self._info(name, meta) for name, meta in self._registered().items()}

    def name_of(self, task: object) -> str | None:
        """See ``AppUnderTest.name_of``."""
        for name, meta in self._registered().items():
            if task is meta["func"] or task is inspect.unwrap(meta["func"]):
                return name
        own = getattr(task, "_soniq_name", None)
        if isinstance(own, str):
            return own
        if type(task).__name__ == "TaskRef":
            return str(getattr(task, "name", None))
        return name_by_module(task)

    def tell(self, job: Job) -> Told:
        """See ``AppUnderTest.tell``; the key of a job is its dedup key."""
        args = stored_args(job)
        positional, named = ((), args) if isinstance(args, dict) else ((args,), {})
        return Told(positional, named, -job.priority, job.labels.get("dedup_key"))

    async def enqueue(self, call: Call) -> Job:
        """See ``AppUnderTest.enqueue``. Raises UnknownTask, and what the library raises."""
        registered = self._registered()
        if call.task not in registered:
            raise UnknownTask(call.task, registered)
        function = registered[call.task]["func"]
        at = None if call.at is None else to_datetime(call.at)
        self._backend.runs = call.attempt - 1
        try:
            job_id = await self._app.enqueue(
                function, scheduled_at=at, **self._named(function, call)
            )
        finally:
            self._backend.runs = 0
        job = await self._backend.find_job(job_id)
        if job is None:
            raise LookupError(f"Job {job_id} was deleted as soon as it was enqueued.")
        return job

    async def run(self, bounds: Bounds = UNBOUNDED) -> int:
        """See ``AppUnderTest.run``."""
        if bounds.until is None:
            return await self._running.what_is_due(
                attempts=bounds.attempts, only=bounds.only, ends=bounds.ends
            )
        self.clock.check_movable()
        return await self._running.until(
            bounds.until, attempts=bounds.attempts, only=bounds.only, ends=bounds.ends
        )

    async def run_forever(self, *, workers: int = 1) -> None:
        """See ``AppUnderTest.run_forever``."""
        stop = asyncio.Event()
        concurrency = self._app.settings.concurrency
        runs = [
            asyncio.ensure_future(self._running.live(concurrency, None, stop))
            for _ in range(workers)
        ]
        try:
            await asyncio.wait(runs, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            stop.set()
            await asyncio.gather(*runs)

    def _registered(self) -> dict[str, dict[str, Any]]:
        registered: dict[str, dict[str, Any]] = self._app.registry.list_jobs()
        return registered

    def _info(self, name: str, meta: dict[str, Any]) -> TaskInfo:
        function = inspect.unwrap(meta["func"])
        return TaskInfo(
            name=name,
            function=function,
            given=frozenset(self._given(function)),
            delay=partial(self._delay, meta) if meta["max_retries"] else None,
            schedule=self._schedule(name, getattr(meta["func"], "_soniq_periodic", None)),
        )

    def _schedule(self, name: str, spec: dict[str, Any] | None) -> Schedule | None:
        if not spec:
            return None
        if cron := spec["cron"]:
            make = partial(CronTicks, self._croniter, cron, name, "Soniq")
            return self._ticks.of(name, cron, make)
        return every(timedelta(seconds=spec["every"]))

    def _given(self, function: Callable[..., Any]) -> list[str]:
        parameters = inspect.signature(function).parameters.values()
        return [each.name for each in parameters if each.annotation is self._context]

    def _delay(self, meta: dict[str, Any], attempt: int, error: BaseException) -> timedelta | None:
        if attempt > meta["max_retries"]:
            return None
        text = RuntimeError(f"{type(error).__name__}: {error}")
        quiet = {**meta, "retry_jitter": False}  # a plan shows the delay that the job was given
        seconds = self._app.retry_policy.delay_for(attempt=attempt, job_meta=quiet, exc=text)
        return None if seconds is None else timedelta(seconds=seconds)

    def _named(self, function: Callable[..., Any], call: Call) -> dict[str, Any]:
        """All arguments by name: Soniq's jobs take no others."""
        signature = inspect.signature(function)
        given = set(self._given(inspect.unwrap(function)))
        names = [name for name in signature.parameters if name not in given]
        if len(call.args) > len(names):
            raise TypeError(
                f"{call.task} takes {len(names)} arguments. It was given {len(call.args)} without "
                f"a name. Its signature is {signature}."
            )
        return {**dict(zip(names, call.args, strict=False)), **call.kwargs}
