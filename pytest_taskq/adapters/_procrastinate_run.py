"""A run of a real worker as its queue sees it: whose jobs they are, and when it is to end."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

from pytest_taskq.adapters._procrastinate_queries import Queries
from pytest_taskq.core.job import Job
from pytest_taskq.engine.loop_time import call_real
from pytest_taskq.engine.tasks import CURRENT_JOB

__all__ = ["WorkerRun"]

STOP_SECONDS = 5.0


class WorkerRun:
    """See ``Endable``. It changes a worker that does not run yet, in place.

    Ended by force it is like a process that is killed: its jobs are cancelled, and what becomes
    of them is recorded nowhere. The app is the user's own, and the next test may have it by then.
    """

    def __init__(self, worker: Any, connector: Queries) -> None:
        self._worker = worker
        self._connector = connector
        self._killed = False
        self._run_loop, worker._run_loop = worker._run_loop, self._live  # noqa: SLF001
        self._process, worker._process_job = worker._process_job, self._go_through  # noqa: SLF001
        self._persist = worker._persist_job_status  # noqa: SLF001
        worker._persist_job_status = self._record  # noqa: SLF001

    @property
    def jobs(self) -> list[Job]:
        """See ``Endable.jobs``."""
        known = self._connector.in_hand
        ids = [context.job.id for context in self._attempts().values()]
        return [known[job_id] for job_id in ids if job_id in known]

    def stop(self, *, force: bool) -> None:
        """See ``Endable.stop``."""
        self._killed = self._killed or force
        if self._loop is asyncio._get_running_loop():  # noqa: SLF001 - documented
            self._stop_here()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop_here)

    async def end(self, *, force: bool = True) -> None:
        """See ``Endable.end``. A run of another loop is told to stop, and not waited for."""
        self.stop(force=force)
        if self._loop is not asyncio.get_running_loop():
            return
        tasks = {task for task in (self._task, *self._attempts()) if task is not None}
        over = asyncio.ensure_future(asyncio.wait(tasks))
        limit = call_real(STOP_SECONDS, lambda: self._abandon(over)) if force else None
        try:
            await asyncio.wait({over})
        finally:
            if limit is not None:
                limit.cancel()
            over.cancel()
            self._connector.queue.runs.discard(self)

    def _attempts(self) -> dict[asyncio.Task[Any], Any]:
        attempts: dict[asyncio.Task[Any], Any] = self._worker._running_jobs  # noqa: SLF001
        return attempts

    def _stop_here(self) -> None:
        self._worker.stop()
        if self._killed:
            for attempt in self._attempts():
                attempt.cancel()

    def _abandon(self, over: asyncio.Future[Any]) -> None:
        over.cancel()
        if self._task is not None:
            self._task.cancel()
        for context in self._attempts().values():
            job = context.job
            warnings.warn(
                f"Job {job.id} ({job.task_name}) does not stop. It was cancelled "
                f"{STOP_SECONDS:g} s ago and still runs. Let CancelledError out of it.",
                stacklevel=1,
            )

    async def _live(self) -> None:
        """In the place of what a worker does from its start to its end, a task of its own."""
        queue = self._connector.queue
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        queue.runs.add(self)
        try:
            await self._run_loop()
        finally:
            # Cancelled, a worker does not wait for what it has in hand.
            if not self._attempts():
                queue.runs.discard(self)

    async def _go_through(self, context: Any) -> None:
        """In the place of what it does for one job, in a task of the job's own."""
        if not self._killed:
            CURRENT_JOB.set((self._connector.queue, context.job.id))
            await self._process(context)

    async def _record(self, **ended: Any) -> None:
        if not self._killed:
            await self._persist(**ended)
