"""Runs the jobs of a real Soniq app as Soniq does, but waits as the clock of the test says."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from pytest_taskq.adapters._soniq_jobs import Jobs
from pytest_taskq.core.job import Job
from pytest_taskq.engine.alarm import Alarm
from pytest_taskq.engine.chains import counted

__all__ = ["Running"]

Process = Callable[..., Any]
Slot = dict[str, Any]


class Running:
    """The worker of one app.

    ``process``: Soniq's function that claims one job and runs it. ``make_worker``: its Worker
    for the app, which knows how to end.
    """

    def __init__(
        self, app: Any, backend: Jobs, process: Process, make_worker: Callable[[], Any]
    ) -> None:
        self._app = app
        self._backend: Any = backend
        self._process = process
        self._make_worker = make_worker

    async def what_is_due(
        self,
        *,
        attempts: int | None = None,
        only: Callable[[Job], bool] | None = None,
        ends: Callable[[], bool] | None = None,
    ) -> int:
        """Run what is due, one job after the other; how many attempts that took."""
        made = 0
        with self._choosing(only), counted(self._backend.queue, waits=False):
            while (attempts is None or made < attempts) and await self._one():
                made += 1
                if ends is not None and ends():
                    break
        return made

    async def until(
        self,
        instant: int,
        *,
        attempts: int | None = None,
        only: Callable[[Job], bool] | None = None,
        ends: Callable[[], bool] | None = None,
    ) -> int:
        """Let time pass to an instant; each job runs at its own, what is in hand then goes back."""
        made = 0
        clock, over = self._backend.queue.clock, asyncio.Event()

        def counts() -> None:
            nonlocal made
            made += 1
            if made == attempts or (ends is not None and ends()):
                over.set()

        slot: Slot = {}
        step = timedelta(microseconds=instant - clock.now())
        with self._choosing(only), counted(self._backend.queue, waits=True):
            serving = asyncio.ensure_future(self._serve(over, None, slot, counts))
            passing = asyncio.ensure_future(clock.elapse(step))
            try:
                await asyncio.wait({serving, passing}, return_when=asyncio.FIRST_COMPLETED)
                if passing.done():
                    passing.result()
            finally:
                passing.cancel()
                over.set()
                await self._put_back(serving, slot)
            if not serving.cancelled():
                serving.result()
        return made

    async def live(
        self, concurrency: int, queues: Sequence[str] | None, stop: asyncio.Event | None
    ) -> bool:
        """Run jobs as they become due, until stopped; then end as Soniq's worker does."""
        worker, stop = self._make_worker(), stop or asyncio.Event()
        await worker._populate_task_registry()
        worker_id = str(uuid.UUID(int=self._backend.queue.rng.getrandbits(128), version=4))
        await self._backend.register_worker(
            worker_id=worker_id, hostname="", pid=0, queues=[*(queues or ())],
            concurrency=concurrency,
        )  # fmt: skip
        slots: list[Slot] = [{} for _ in range(concurrency)]
        with counted(self._backend.queue, waits=True):
            tasks = [
                asyncio.create_task(self._serve(stop, queues, slot, worker_id=worker_id))
                for slot in slots
            ]
        try:
            stopping = asyncio.ensure_future(stop.wait())
            await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
        finally:
            stop.set()
            if any(map(_has_failed, tasks)):  # the others are not waited for
                for task, slot in zip(tasks, slots, strict=True):
                    await self._put_back(task, slot)
            else:
                await worker._drain_then_force_timeout(tasks=tasks, in_flight_slots=slots)
            await self._backend.mark_worker_stopped(worker_id)
        for task in [task for task in tasks if _has_failed(task)]:
            task.result()
        return True

    async def _serve(
        self,
        stop: asyncio.Event,
        queues: Sequence[str] | None,
        slot: Slot,
        counts: Callable[[], None] = lambda: None,
        worker_id: str | None = None,
    ) -> None:
        """Run one job after the other; where there is none, wait for one to come or become due."""
        queue = self._backend.queue
        alarm = Alarm(queue.clock)
        stopping = asyncio.ensure_future(_ring_after(stop, alarm))
        listened = None if queues is None else frozenset(queues)
        try:
            with queue.clock.in_loop(), queue.told(lambda _job: alarm.ring()):
                while not stop.is_set():
                    alarm.reset()
                    looked_at = queue.clock.now()
                    if await self._one(queues, slot, worker_id):
                        counts()
                        continue
                    if await alarm.watch(queue.store):
                        continue
                    due = await queue.leases.next_due(looked_at, listened)
                    alarm.call_at(due, alarm.ring)
                    await alarm.wait()
        finally:
            stopping.cancel()
            await alarm.aclose()

    async def _one(
        self,
        queues: Sequence[str] | None = None,
        slot: Slot | None = None,
        worker_id: str | None = None,
    ) -> bool:
        app = self._app
        executor, semaphore = app._get_sync_dispatch() if slot is not None else (None, None)
        ran: bool = await self._process(
            backend=self._backend,
            job_registry=app.registry,
            queues=None if queues is None else [*queues],
            worker_id=worker_id,
            hooks=app._hooks,
            middleware=app._middleware,
            retry_policy=app.retry_policy,
            metrics_sink=app.metrics_sink,
            settings=app.settings,
            sync_executor=executor,
            sync_pool_semaphore=semaphore,
            in_flight_slot=slot,
        )
        return ran

    async def _put_back(self, serving: asyncio.Future[None], slot: Slot) -> None:
        job_id = slot.get("job_id")
        if job_id is not None:
            serving.cancel()
        await asyncio.wait({serving})
        if job_id is not None:
            await self._backend.nack_job(job_id)

    @contextmanager
    def _choosing(self, only: Callable[[Job], bool] | None) -> Iterator[None]:
        self._backend.only = only
        try:
            yield
        finally:
            self._backend.only = None


def _has_failed(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None


async def _ring_after(stop: asyncio.Event, alarm: Alarm) -> None:
    await stop.wait()
    alarm.ring()
