"""Docket: where tasks are registered, scheduled, replaced, cancelled and looked at."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from pytest_taskq.core.errors import QueueClosed
from pytest_taskq.core.instants import to_micros
from pytest_taskq.core.job import Job, State
from pytest_taskq.core.retention import is_remembered
from pytest_taskq.core.store import JobQuery
from pytest_taskq.docket._board import board_of
from pytest_taskq.docket._placeholder import placeholder
from pytest_taskq.docket._queues import make_queues_with, queue_of, tell_opened
from pytest_taskq.docket._scheduling import NaiveWhen, Scheduling
from pytest_taskq.docket._snapshot import (
    DocketSnapshot,
    RunningExecution,
    WorkerInfo,
    live_workers,
    take_snapshot,
)
from pytest_taskq.docket._states import LIVE, TaskFunction
from pytest_taskq.docket.execution import Execution
from pytest_taskq.docket.strikelist import (
    LiteralOperator,
    Operator,
    Restore,
    Strike,
    StrikeList,
)
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.under_test import AppUnderTest

__all__ = [
    "Docket",
    "DocketClosed",
    "DocketSnapshot",
    "NaiveWhen",
    "RunningExecution",
    "WorkerInfo",
]

ALL = frozenset(State)


class DocketClosed(QueueClosed, AttributeError):
    """A docket was used outside ``async with``: an AttributeError, as in docket 0.27."""


class Docket(Scheduling):
    """A place to schedule tasks on.

    Opened by ``async with``. ``url``: ``memory://`` and any name; dockets of one URL and name
    on one event loop share their tasks. The other arguments are those of the library; they
    concern servers and can be read back.

        async with Docket(name="bakery", url="memory://bakery") as docket:
            await docket.add(bake)("rye")
    """

    def __init__(
        self,
        name: str = "docket",
        url: str = "redis://localhost:6379/0",
        heartbeat_interval: timedelta = timedelta(seconds=2),
        missed_heartbeats: int = 5,
        execution_ttl: timedelta = timedelta(minutes=15),
        result_storage: Any = None,
        enable_internal_instrumentation: bool = False,
        credential_provider: Any = None,
    ) -> None:
        super().__init__()
        self.name = name
        self.url = url
        self.heartbeat_interval = heartbeat_interval
        self.missed_heartbeats = missed_heartbeats
        self.execution_ttl = execution_ttl
        self.result_storage = result_storage
        self.enable_internal_instrumentation = enable_internal_instrumentation
        self.credential_provider = credential_provider
        self.strike_list: StrikeList
        self._queue: Queue | None = None
        self._lent = False

    @classmethod
    def on_queue(cls, queue: Queue) -> Self:
        """An open docket on a queue of the engine; whoever made the queue closes it."""
        docket = cls(url="memory://")
        docket.lend(queue)
        return docket

    @staticmethod
    def use_queues(
        make: Callable[[str, str], Queue | None],
        opened: Callable[[Docket], None] = lambda _docket: None,
    ) -> Callable[[], None]:
        """Let ``make`` give the queue of every docket that is opened, by its URL and its name.

        Where it gives None the docket lives in memory. ``opened`` is called with each docket then.
        Call the answer to stop it.
        """
        return make_queues_with(make, opened)

    def lend(self, queue: Queue) -> None:
        """Work on this queue from now on, open until whoever made the queue closes it."""
        self._open(queue)
        self._lent = True

    @property
    def queue(self) -> Queue:
        """The engine's queue underneath. Raises DocketClosed outside ``async with``."""
        if self._queue is None:
            raise DocketClosed(
                f"The docket {self.name!r} is not open. It was made, but not entered, or has been "
                f"left. Use it inside `async with docket:`."
            )
        return self._queue

    async def __aenter__(self) -> Self:
        if not self._lent:
            if self._queue is not None:
                raise RuntimeError(
                    f"The docket {self.name!r} is open already. It was entered twice. "
                    f"Make a second Docket of the same name and URL instead."
                )
            self._open(queue_of(self.url, self.name))
            tell_opened(self)
            if hasattr(self.result_storage, "setup"):
                await self.result_storage.setup()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        frames: TracebackType | None,
    ) -> None:
        if not self._lent:
            self.strike_list.leave()
            self._queue = None

    def _open(self, queue: Queue) -> None:
        self._queue = queue
        self.strike_list = StrikeList(self.url, self.name)
        self.strike_list.join(board_of(queue))

    def labels(self) -> dict[str, str]:
        """What log records tell of the docket."""
        return {"docket.name": self.name}

    async def cancel(self, key: str) -> None:
        """Cancel what waits under the key, and ask what runs under it to stop; never raises."""
        for job in await self.jobs_under(key, LIVE):
            cancelled = await self.queue.cancel(job.id)
            if cancelled is not None and cancelled.state is State.CANCELLED:
                call = self._shown(cancelled).call_repr()
                logging.getLogger("docket.docket").info("✗ %s (cancelled)", call)

    async def clear(self) -> int:
        """Cancel everything that waits. What runs is left alone.

        Says how many there were, those that run included, as docket 0.27 counts.
        """
        live = await self.queue.find(JobQuery(states=LIVE))
        for job in live:
            if job.state is State.QUEUED:
                await self.queue.cancel(job.id)
        return len(live)

    async def get_execution(self, key: str) -> Execution | None:
        """The last execution under the key. None when there was none, or too long ago."""
        job = await self.last_job(key)
        if job is None:
            return None
        execution = self._shown(job)
        await execution.progress.sync()
        return execution

    async def snapshot(self) -> DocketSnapshot:
        """What waits, what runs, and who works. Raises ValueError for an unregistered task."""
        return await take_snapshot(self)

    async def workers(self) -> list[WorkerInfo]:
        """The workers that run now."""
        return live_workers(self)

    async def task_workers(self, task_name: str) -> list[WorkerInfo]:
        """The workers that run now and know this task."""
        return [worker for worker in live_workers(self) if task_name in worker.tasks]

    async def strike(
        self,
        function: TaskFunction | str | None = None,
        parameter: str | None = None,
        operator: Operator | LiteralOperator = "==",
        value: Hashable | None = None,
    ) -> None:
        """Keep a task, or every call with such an argument, from being scheduled and from running.

        It holds for all dockets of this URL and name, until ``restore`` says the same.
        """
        await self.strike_list.send_instruction(
            Strike(_name(function), parameter, Operator(operator), value)
        )

    async def restore(
        self,
        function: TaskFunction | str | None = None,
        parameter: str | None = None,
        operator: Operator | LiteralOperator = "==",
        value: Hashable | None = None,
    ) -> None:
        """Take back a strike that said the same."""
        await self.strike_list.send_instruction(
            Restore(_name(function), parameter, Operator(operator), value)
        )

    async def wait_for_strikes_loaded(self) -> None:
        """Return when all strikes so far are known."""
        await self.strike_list.wait_for_strikes_loaded()

    async def last_job(self, key: str) -> Job | None:
        """The newest job of the engine under the key, unless ``execution_ttl`` is over."""
        jobs = await self.jobs_under(key)
        keep, now = to_micros(self.execution_ttl), self.queue.clock.now()
        return jobs[-1] if jobs and is_remembered(jobs[-1], keep, now) else None

    async def jobs_under(self, key: str, states: frozenset[State] = ALL) -> list[Job]:
        """The jobs of the engine under the key, oldest first."""
        return await self.queue.find(JobQuery(states=states, key=key))

    def under_test(self) -> AppUnderTest:
        """What the harness of a test sees of this docket."""
        from pytest_taskq.docket import _under_test

        return _under_test.DocketUnderTest(self)

    def _shown(self, job: Job) -> Execution:
        return Execution.of(self, job, self.tasks.get(job.task) or placeholder(job.task))


def _name(function: TaskFunction | str | None) -> str | None:
    return function if function is None or isinstance(function, str) else function.__name__
