"""An app of this facade as the harness sees it: the engine's jobs, in Soniq's words."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import Job
from pytest_taskq.core.payload import decode_call
from pytest_taskq.engine.execute import describe_failure
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.under_test import UNBOUNDED, Bounds, Call, OnQueue, TaskInfo, Told
from pytest_taskq.soniq._attempt import Conduct
from pytest_taskq.soniq._enqueue import Options
from pytest_taskq.soniq._registry import Registration, name_of
from pytest_taskq.soniq._rows import error_text
from pytest_taskq.soniq.retry import micros_until_retry
from pytest_taskq.soniq.scheduler import periodic_schedule
from pytest_taskq.soniq.task_ref import TaskRef

if TYPE_CHECKING:
    from pytest_taskq.soniq.app import Soniq

__all__ = ["UnderTest"]


class UnderTest(OnQueue):
    """See ``engine.under_test.AppUnderTest``."""

    library = "soniq"

    def __init__(
        self,
        app: Soniq,
        queue: Queue,
        registered: Mapping[str, Registration],
        conduct: Conduct,
    ) -> None:
        super().__init__(queue)
        self._app = app
        self._registered = registered
        self._conduct = conduct

    def tasks(self) -> Mapping[str, TaskInfo]:
        """The registered jobs by name."""
        return {name: self._info(job) for name, job in self._registered.items()}

    def name_of(self, task: object) -> str | None:
        """The name that a function is registered under, decorated or not, or would be."""
        for job in self._registered.values():
            if job.function is task:
                return job.name
        if isinstance(task, TaskRef):
            return task.name
        return name_of(task) if callable(task) else None

    def tell(self, job: Job) -> Told:
        """Soniq's jobs have keywords only; a key is the dedup key."""
        args, kwargs = decode_call(job.payload)
        return Told(args, kwargs, -job.priority, job.labels.get("dedup_key"))

    async def enqueue(self, call: Call) -> Job:
        """As ``app.enqueue``; positional arguments get the names that the function has for them."""
        job = self._registered.get(call.task)
        args = {**_named_by(job, call.args), **call.kwargs}
        options = Options(scheduled_at=None if call.at is None else to_datetime(call.at))
        asked = self._app._job_of(call.task, args, {}, options)  # noqa: SLF001 - its other half
        return await self._app._put(asked._replace(attempt=call.attempt - 1))  # noqa: SLF001 - too

    async def run(self, bounds: Bounds = UNBOUNDED) -> int:
        """Run what is due, one job at a time, as ``run_worker(run_once=True)`` does."""
        make_worker = self._app._worker  # noqa: SLF001 - its other half
        worker = make_worker(1, only=bounds.only, ends=bounds.ends)
        return (await worker.run_until_idle(attempts=bounds.attempts, until=bounds.until)).attempts

    async def run_forever(self, *, workers: int = 1) -> None:
        """Run live workers until cancelled; jobs in hand then get ``shutdown_timeout``."""
        shutdown = asyncio.Event()
        runs = [
            asyncio.create_task(self._app.run_worker(shutdown_event=shutdown))
            for _ in range(workers)
        ]
        try:
            await asyncio.wait(runs, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            shutdown.set()
            await asyncio.gather(*runs)

    def _info(self, job: Registration) -> TaskInfo:
        spec = job.meta.get("periodic")
        return TaskInfo(
            name=job.name,
            function=job.function,
            given=frozenset() if job.context is None else frozenset({job.context}),
            delay=partial(self._delay, job) if job.max_attempts > 1 else None,
            schedule=None if spec is None else periodic_schedule(spec["cron"], spec["every"]),
        )

    def _delay(self, job: Registration, attempt: int, error: BaseException) -> timedelta | None:
        if attempt >= job.max_attempts:
            return None

        def text() -> str:
            return error_text(describe_failure(error))

        micros = micros_until_retry(self._conduct.policy, attempt, job.meta, text, LONGEST)
        return None if micros is None else timedelta(microseconds=micros)


class _Longest(random.Random):
    """Draws no jitter, so that a plan shows the delay that the job was given."""

    def random(self) -> float:
        return 0.0


LONGEST = _Longest()


def _named_by(job: Registration | None, args: tuple[Any, ...]) -> dict[str, Any]:
    """Positional arguments by name, in the order of the function's parameters."""
    if not args:
        return {}
    if job is None:
        raise TypeError("Soniq's jobs take keywords, and the function that names them is unknown.")
    return dict(job.signature.bind_partial(*args).arguments)
