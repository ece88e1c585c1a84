"""What a docket tells the harness that tests it: its tasks, its jobs, and how they are run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pytest_taskq.core.instants import to_micros
from pytest_taskq.core.job import Job
from pytest_taskq.core.schedule import Schedule, every
from pytest_taskq.docket._keys import chosen_key
from pytest_taskq.docket._payload import decode
from pytest_taskq.docket._perpetual import Cron, Perpetual
from pytest_taskq.docket._plan import get_single_dependency_parameter_of_type, plan_of
from pytest_taskq.docket._retry import Retry
from pytest_taskq.docket.worker import Worker
from pytest_taskq.engine.under_test import (
    UNBOUNDED,
    Bounds,
    Call,
    OfFunctions,
    OnQueue,
    TaskInfo,
    Told,
)

if TYPE_CHECKING:
    from pytest_taskq.docket._states import TaskFunction
    from pytest_taskq.docket.docket import Docket

__all__ = ["DocketUnderTest"]


class DocketUnderTest(OfFunctions, OnQueue):
    """A docket in front of the harness; see ``AppUnderTest``."""

    library = "docket"

    def __init__(self, docket: Docket) -> None:
        super().__init__(docket.queue)
        self._docket = self._registry = docket
        self._infos = _Infos(docket)

    def tasks(self) -> Mapping[str, TaskInfo]:
        """See ``AppUnderTest.tasks``."""
        return self._infos

    def tell(self, job: Job) -> Told:
        """See ``AppUnderTest.tell``. Dockets know no priority."""
        args, kwargs = decode(job.payload)
        return Told(args, kwargs, job.priority, chosen_key(job))

    async def enqueue(self, call: Call) -> Job:
        """See ``AppUnderTest.enqueue``. Raises UnknownTask for a name that is not registered."""
        job = self._docket.new_call(call.task, call.args, call.kwargs, call.at)
        return await self._queue.enqueue(job._replace(attempt=call.attempt - 1))

    async def run(self, bounds: Bounds = UNBOUNDED) -> int:
        """See ``AppUnderTest.run``. Automatic tasks are not scheduled by it."""
        worker = Worker(self._docket, schedule_automatic_tasks=False)
        return await worker.run_until_idle(
            attempts=bounds.attempts, only=bounds.only, ends=bounds.ends, until=bounds.until
        )

    async def run_forever(self, *, workers: int = 1) -> None:
        """See ``AppUnderTest.run_forever``."""
        crew = [Worker(self._docket, name=f"worker-{n + 1}") for n in range(workers)]
        await asyncio.gather(*(worker.run_forever() for worker in crew))


class _Infos(Mapping[str, TaskInfo]):
    """The tasks of a docket, each described when it is asked for, and once."""

    def __init__(self, docket: Docket) -> None:
        self._docket = docket
        self._made: dict[str, TaskInfo] = {}

    def __getitem__(self, name: str) -> TaskInfo:
        function = self._docket.tasks[name]
        known = self._made.get(name)
        if known is None or known.function is not function:
            known = self._made[name] = _info(name, function)
        return known

    def __contains__(self, name: object) -> bool:
        return name in self._docket.tasks

    def __iter__(self) -> Iterator[str]:
        return iter(self._docket.tasks)

    def __len__(self) -> int:
        return len(self._docket.tasks)


def _info(name: str, function: TaskFunction) -> TaskInfo:
    plan = plan_of(function)
    if not plan.dependencies:
        return TaskInfo(name, function)
    perpetual = get_single_dependency_parameter_of_type(function, Perpetual)
    retry = get_single_dependency_parameter_of_type(function, Retry)
    return TaskInfo(
        name,
        function,
        given=frozenset(plan.parameters),
        delay=None if retry is None else lambda attempt, _error: retry.delay_after(attempt),
        schedule=None if perpetual is None else _schedule(perpetual),
        # The worker enqueues it under its name, which then is the key of the whole chain.
        automatic=lambda job: perpetual is not None and perpetual.automatic and job.key == job.task,
    )


def _schedule(perpetual: Perpetual) -> Schedule | None:
    """None for a task that follows itself at once: that has no ticks."""
    if isinstance(perpetual, Cron):
        return perpetual.schedule
    return every(perpetual.every) if to_micros(perpetual.every) else None
