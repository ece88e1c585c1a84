"""A real app of Procrastinate in front of the harness: its tasks, its jobs, and how they run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from inspect import signature
from typing import Any

from pytest_taskq.adapters._cron_ticks import KnownTicks
from pytest_taskq.adapters._procrastinate_by_name import bound
from pytest_taskq.adapters._procrastinate_choice import Choice
from pytest_taskq.adapters._procrastinate_queries import Queries
from pytest_taskq.adapters._procrastinate_worker import new_job, ticks_of
from pytest_taskq.core.errors import UnknownTask
from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import Job
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

__all__ = ["UnderTest"]


class UnderTest(OnQueue):
    """See ``AppUnderTest``."""

    library = "procrastinate"

    def __init__(self, app: Any, connector: Any) -> None:
        super().__init__(connector.queue)
        self._app = app
        self._connector: Any = connector
        self._ticks = KnownTicks()

    def tasks(self) -> Mapping[str, TaskInfo]:
        """See ``AppUnderTest.tasks``; a task is there under its name, not its aliases."""
        self._app.perform_import_paths()
        periodic = {
            each.task.name: self._ticks.of(each.task.name, each.cron, partial(ticks_of, each))
            for each in self._app.periodic_registry.periodic_tasks.values()
        }
        return {
            task.name: self._info(task, periodic.get(task.name))
            for task in self._app.tasks.values()
        }

    def name_of(self, task: object) -> str | None:
        """See ``AppUnderTest.name_of``."""
        for known in self._app.tasks.values():
            if task is known or task is known.func:
                name: str = known.name
                return name
        own = getattr(task, "name", None) if hasattr(task, "defer_async") else None
        if isinstance(own, str):
            return own
        return name_by_module(task)

    def tell(self, job: Job) -> Told:
        """See ``AppUnderTest.tell``; the key of a job is its queueing lock."""
        args, kwargs = decode_call(job.payload)
        return Told(args, kwargs, job.priority, queueing_lock_of(job))

    async def enqueue(self, call: Call) -> Job:
        """See ``AppUnderTest.enqueue``. Raises UnknownTask, and what the library raises."""
        self._app.perform_import_paths()
        task = self._app.tasks.get(call.task)
        if task is None:
            raise UnknownTask(call.task, self._app.tasks)
        at = None if call.at is None else to_datetime(call.at)
        job = task.configure(schedule_at=at, task_kwargs=bound(task, call.args, call.kwargs)).job
        (row,) = await self._connector.answer(
            "defer_jobs", "all", jobs=[new_job(job)], runs=call.attempt - 1
        )
        stored: Job = await self._connector.queue.get(row["id"])
        return stored

    async def run(self, bounds: Bounds = UNBOUNDED) -> int:
        """See ``AppUnderTest.run``."""
        over = asyncio.Event()
        choice = Choice(only=bounds.only, attempts=bounds.attempts, ends=bounds.ends, over=over.set)
        with self._choosing(choice):
            if bounds.until is None:
                await self._app.run_worker_async(wait=False)
            else:
                await self._run_until(bounds.until, over)
        return choice.claimed

    async def run_forever(self, *, workers: int = 1) -> None:
        """See ``AppUnderTest.run_forever``."""
        names = [f"worker-{number}" for number in range(1, workers + 1)]
        await until_one_ends(self._app.run_worker_async(wait=True, name=name) for name in names)

    async def _run_until(self, until: int, over: asyncio.Event) -> None:
        self.clock.check_movable()
        worker = self._app._worker(wait=True)  # noqa: SLF001 - to stop it without a cancellation
        going = asyncio.ensure_future(worker.run())
        passing = asyncio.ensure_future(
            self.clock.elapse(timedelta(microseconds=until - self.clock.now()))
        )
        ending = asyncio.ensure_future(over.wait())
        try:
            await asyncio.wait({going, passing, ending}, return_when=asyncio.FIRST_COMPLETED)
            if passing.done():
                passing.result()
        finally:
            passing.cancel()
            ending.cancel()
            worker.stop()
            await going

    @contextmanager
    def _choosing(self, choice: Choice) -> Iterator[None]:
        connector: Queries = self._connector
        before, connector.choice = connector.choice, choice
        try:
            yield
        finally:
            connector.choice = before

    def _info(self, task: Any, schedule: Schedule | None) -> TaskInfo:
        given = list(signature(task.func).parameters)[: task.pass_context]
        return TaskInfo(
            name=task.name,
            function=task.func,
            given=frozenset(given),
            delay=partial(self._delay, task) if task.retry_strategy else None,
            schedule=schedule,
            automatic=is_of_a_tick,
        )

    def _delay(self, task: Any, attempt: int, error: BaseException) -> timedelta | None:
        job = task.configure().job.evolve(attempts=attempt - 1)
        retry = task.get_retry_exception(exception=error, job=job)
        if retry is None:
            return None
        # It says an instant, which it has made of a time that has gone on meanwhile.
        delay = round((retry.retry_decision.retry_at - self.clock.time()).total_seconds(), 3)
        return timedelta(seconds=max(delay, 0))
