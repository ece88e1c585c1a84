"""An app of this facade in front of the harness: its tasks, its jobs, and how they are run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Any

from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import Job as Record
from pytest_taskq.core.payload import decode_call
from pytest_taskq.core.schedule import Schedule
from pytest_taskq.engine.locks import queueing_lock_of
from pytest_taskq.engine.ticker import is_of_a_tick
from pytest_taskq.engine.under_test import (
    UNBOUNDED,
    Bounds,
    Call,
    OnQueue,
    TaskInfo,
    Told,
    name_by_module,
    until_one_ends,
)
from pytest_taskq.procrastinate.jobs import JobDeferrer
from pytest_taskq.procrastinate.tasks import Task

if TYPE_CHECKING:
    from pytest_taskq.procrastinate.app import App

__all__ = ["UnderTest"]


class UnderTest(OnQueue):
    """See ``AppUnderTest``; the app is looked at on the connector that it has now."""

    library = "procrastinate"

    def __init__(self, app: App) -> None:
        super().__init__(app.connector.queue)
        self._app = app

    def tasks(self) -> Mapping[str, TaskInfo]:
        """See ``AppUnderTest.tasks``; a task is there under its name, not its aliases."""
        self._app.perform_import_paths()
        periodic = {
            each.task.name: each.schedule
            for each in self._app.periodic_registry.periodic_tasks.values()
        }
        return {
            task.name: self._info(task, periodic.get(task.name))
            for task in self._app.tasks.values()
        }

    def name_of(self, task: object) -> str | None:
        """See ``AppUnderTest.name_of``."""
        if isinstance(task, Task):
            return task.name
        for known in self._app.tasks.values():
            if known.func is task:
                return known.name
        return name_by_module(task)

    def tell(self, job: Record) -> Told:
        """See ``AppUnderTest.tell``; the key of a job is its queueing lock."""
        args, kwargs = decode_call(job.payload)
        return Told(args, kwargs, job.priority, queueing_lock_of(job))

    async def enqueue(self, call: Call) -> Record:
        """See ``AppUnderTest.enqueue``. Raises as ``App.defer_async``."""
        task = self._app.task_named(call.task)
        job = task.deferrer.job
        if call.at is not None:
            job = job.evolve(scheduled_at=to_datetime(call.at))
        kwargs = task.bind(call.args, call.kwargs)
        return await JobDeferrer(self._app, job).store(kwargs, runs=call.attempt - 1)

    async def run(self, bounds: Bounds = UNBOUNDED) -> int:
        """See ``AppUnderTest.run``."""
        run = self._app.worker_run({"wait": False}, only=bounds.only, ends=bounds.ends)
        due = run.what_is_due(attempts=bounds.attempts, until=bounds.until)
        return (await due).attempts

    async def run_forever(self, *, workers: int = 1) -> None:
        """See ``AppUnderTest.run_forever``."""
        names = [f"worker-{number}" for number in range(1, workers + 1)]
        await until_one_ends(
            self._app.worker_run({"wait": True, "name": name}).go() for name in names
        )

    def _info(self, task: Task[..., Any], schedule: Schedule | None) -> TaskInfo:
        given = list(signature(task.func).parameters)[: task.pass_context]
        return TaskInfo(
            name=task.name,
            function=task.func,
            given=frozenset(given),
            delay=None if task.retry_strategy is None else partial(self._delay, task),
            schedule=schedule,
            automatic=is_of_a_tick,
        )

    def _delay(self, task: Task[..., Any], attempt: int, error: BaseException) -> timedelta | None:
        if task.retry_strategy is None:
            return None
        job = task.deferrer.job.evolve(attempts=attempt - 1)
        decision = task.retry_strategy.get_retry_decision(exception=error, job=job)
        now = self.clock.time()
        return None if decision is None else max(timedelta(), decision.at(now) - now)
