"""Lets a real worker live on the clock of a queue: it is woken, and polls no more.

What it would learn by asking again every few seconds it is told at the very instant, so that
two weeks pass as quickly as there is something to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, nullcontext
from functools import partial
from math import inf
from typing import Any

from pytest_taskq.adapters._cron_ticks import CronTicks
from pytest_taskq.adapters._procrastinate_choice import NewJob
from pytest_taskq.adapters._procrastinate_queries import Queries
from pytest_taskq.adapters._procrastinate_run import WorkerRun
from pytest_taskq.core.instants import Instant
from pytest_taskq.core.job import Job, JobId
from pytest_taskq.core.store import Refusal
from pytest_taskq.engine.alarm import Alarm
from pytest_taskq.engine.chains import counted
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.ticker import Ticker
from pytest_taskq.engine.until_stopped import stuck_run, until_stopped

__all__ = ["OPTIONS", "Ticks", "bring_to_clock"]

SECOND = 1_000_000

OPTIONS = {
    "fetch_job_polling_interval": inf,
    "abort_job_polling_interval": inf,
    "update_heartbeat_interval": inf,
    "listen_notify": True,
}
"""What a worker on our clock needs, whatever else it is told."""


class Ticks:
    """The ticks of the periodic tasks of an app, from now on."""

    def __init__(self, app: Any, connector: Queries) -> None:
        self._app = app
        self._connector = connector
        self._begin = connector.queue.clock.now()
        self._known: set[tuple[str, str]] = set()
        self.ticker = Ticker(connector.queue)

    def look(self) -> None:
        """Take up the tasks that have been registered since."""
        for key, periodic in self._app.periodic_registry.periodic_tasks.items():
            if key not in self._known:
                self._known.add(key)
                self._add(key, periodic)

    def _add(self, key: tuple[str, str], periodic: Any) -> None:
        def make(at: Instant) -> Job:
            options = periodic.configure_kwargs
            kwargs = {**(options.get("task_kwargs") or {}), "timestamp": at // SECOND}
            job = periodic.task.configure(**{**options, "task_kwargs": kwargs}).job
            return self._connector.new_record(new_job(job)._replace(scheduled_at=None))

        def told(at: Instant, answer: Job | Refusal) -> None:
            if isinstance(answer, Job):
                self._connector.tables.note(answer.id, "deferred")
                self._connector.tables.periodic_defers[key] = at // SECOND

        self.ticker.add("#".join(key), ticks_of(periodic), make, after=self._begin, told=told)


def ticks_of(periodic: Any) -> CronTicks:
    """When a periodic task runs."""

    def croniter(expression: str) -> Any:
        # One of our own: it remembers where it is, and the task's is asked by its library.
        return type(periodic.croniter)(expression)

    return CronTicks(croniter, periodic.cron, periodic.task.name, "Procrastinate")


def new_job(job: Any) -> NewJob:
    """A job of the library, to be deferred."""
    return NewJob(
        job.queue,
        job.task_name,
        job.priority,
        job.lock,
        job.queueing_lock,
        job.task_kwargs,
        job.scheduled_at,
    )


def bring_to_clock(
    worker: Any, connector: Queries, ticks: Ticks, *, raise_errors: bool = False
) -> None:
    """Change a worker that does not run yet, in place.

    Its run ends with NotFinished where nothing can move. It tells what its tasks raise, and what
    may escape a task escapes it too. ``raise_errors``: its run ends with what the first job raised
    last that has neither succeeded nor been aborted by then.
    """
    queue, ticker = connector.queue, ticks.ticker
    run, log_outcome = worker.run, worker._log_job_outcome  # noqa: SLF001 - no other way in
    escaped: list[BaseException] = []
    failed: dict[JobId, BaseException] = {}
    beginning = ExitStack()
    stuck = _Stuck(worker, queue)

    def note_error(*args: Any, **told: Any) -> None:
        error, job_id = told.get("exc_info"), told["context"].job.id
        failed.pop(job_id, None)
        connector.results[job_id] = getattr(told.get("job_result"), "result", None)
        if isinstance(error, BaseException):
            connector.errors[job_id] = error
            if told["status"].value == "failed":
                failed[job_id] = error
            if isinstance(error, queue.escapes):
                escaped.append(error)
                worker.stop()
        log_outcome(*args, **told)

    async def run_on_clock() -> None:
        # Until it knows what it waits for, no time may pass.
        beginning.enter_context(queue.clock.hold("a worker begins"))
        run_of = counted(queue, waits=worker.wait, over=stuck.wait_no_longer)
        with queue.clock.in_loop(stuck=stuck), beginning, run_of:
            await ticker.tick()
            connector.tables.alive.append(worker)
            try:
                await stuck.looked_after(run)
            finally:
                connector.tables.alive.remove(worker)
        for error in [*stuck.errors, *escaped, *(failed.values() if raise_errors else ())]:
            raise error

    ticks.look()
    WorkerRun(worker, connector)
    worker.run = run_on_clock
    worker._log_job_outcome = note_error  # noqa: SLF001 - as above
    worker._periodic_deferrer = partial(  # noqa: SLF001 - as above
        _attend, worker, connector, ticker, beginning.close
    )


class _Stuck:
    """Ends the run of a worker when nothing in it can move, and nobody else looks after that."""

    def __init__(self, worker: Any, queue: Queue) -> None:
        self._worker = worker
        self._queue = queue
        self.errors: list[BaseException] = []

    def __call__(self, jumps: int) -> None:
        """See ``Stuck``."""
        worker = self._worker
        if not jumps and self.errors:  # it was told to end, and waits for what does not end
            worker.run_task.cancel()
        elif not jumps:
            in_hand = worker._running_jobs.values()  # noqa: SLF001 - no other way to know them
            names = [context.job.task_name for context in in_hand]
            self.errors.append(stuck_run(self._queue.clock, names))
            self.wait_no_longer()
            worker.stop()

    def wait_no_longer(self) -> None:
        """Let a worker that ends abort what it has in hand."""
        self._worker.shutdown_graceful_timeout = 0

    async def looked_after(self, run: Callable[[], Awaitable[None]]) -> None:
        """Run it; however it was ended for being stuck, it returns."""
        calls = "run_worker_async(wait=False)", "run_worker(wait=False)"
        waits = self._worker.wait
        try:
            with until_stopped(calls[0], in_sync=calls[1]) if waits else nullcontext():
                await run()
        except asyncio.CancelledError:
            if not self.errors:
                raise


async def _attend(
    worker: Any, connector: Queries, ticker: Ticker, begun: Callable[[], None]
) -> None:
    """Wake the worker whenever there may be something for it to do."""
    queue = connector.queue
    names = None if worker.queues is None else frozenset(worker.queues)
    alarm = Alarm(queue.clock, ticker)
    ring: Callable[[Job | None], None] = lambda _job: alarm.ring()  # noqa: E731 - one expression
    try:
        with queue.told(ring):
            if worker.wait and not queue.store.immediate:
                await alarm.watch(queue.store)
            while True:
                alarm.reset()
                await ticker.tick()
                if worker.wait:
                    await _wake(worker)
                    due = await queue.leases.next_due(queue.clock.now(), names)
                    alarm.call_at(due, alarm.ring)
                begun()
                await alarm.wait()
    finally:
        await alarm.aclose()


async def _wake(worker: Any) -> None:
    notification = {"type": "job_inserted", "job_id": 0}
    await worker._handle_notification(channel="", notification=notification)  # noqa: SLF001
