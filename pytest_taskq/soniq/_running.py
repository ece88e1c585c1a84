"""Runs the jobs of an app: until none is ready, or until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.job import Job
from pytest_taskq.core.outcome import Again, Snoozed
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.tasks import Tasks
from pytest_taskq.engine.ticker import Ticker
from pytest_taskq.engine.worker import Worker
from pytest_taskq.soniq._rows import beside_twins

__all__ = ["run", "worker_of"]


def worker_of(
    queue: Queue,
    tasks: Tasks,
    concurrency: int,
    queues: Sequence[str] | None,
    *,
    only: Callable[[Job], bool] | None = None,
    ends: Callable[[], bool] | None = None,
    ticker: Ticker | None = None,
) -> Worker:
    """A worker for these queues; None stands for all, an empty list for none."""
    if isinstance(queues, str):
        raise BadOption(
            f"The queues of a worker are a list of names. They are {queues!r}. "
            f"Write queues=[{queues!r}]."
        )

    def expired(job: Job) -> Again | None:
        used_up = job.attempt >= job.labels["max_attempts"]
        return None if used_up else Again(at=job.due_at, holds=beside_twins(job))

    def put_back(job: Job) -> Snoozed:
        now = queue.clock.now()
        return Snoozed(now, "put back", rank=now, holds=beside_twins(job), counts=True)

    return Worker(
        queue,
        tasks,
        name="soniq-worker",
        concurrency=concurrency,
        queues=None if queues is None else frozenset(queues),
        expired=expired,
        only=only,
        ends=ends,
        ticker=ticker,
        put_back=put_back,
    )


async def run(
    worker: Worker,
    *,
    run_once: bool,
    max_jobs: int | None,
    shutdown_event: asyncio.Event | None,
    shutdown_timeout: float,
) -> bool:
    """Run jobs, and say whether there was any.

    After ``shutdown_event`` the jobs in hand get ``shutdown_timeout`` seconds; those that take
    longer are cancelled and go back to the queue, and their attempts count.
    """
    if max_jobs is not None and (not run_once or type(max_jobs) is not int or max_jobs < 1):
        raise BadOption(
            f"max_jobs limits a run with run_once=True to so many attempts, 1 or more. It is "
            f"{max_jobs!r} with run_once={run_once}. Write run_worker(run_once=True, max_jobs=1)."
        )
    finite = worker.run_until_idle(attempts=max_jobs) if run_once else worker.run_forever()
    if shutdown_event is None:
        return (await finite).attempts > 0
    stopper = asyncio.create_task(_stop_after(shutdown_event, worker, shutdown_timeout))
    try:
        return (await finite).attempts > 0
    finally:
        stopper.cancel()


async def _stop_after(event: asyncio.Event, worker: Worker, patience: float) -> None:
    await event.wait()
    worker.stop()
    try:
        # Nothing sets this one: the task is cancelled as soon as the run is over.
        await asyncio.wait_for(asyncio.Event().wait(), patience)
    except TimeoutError:
        worker.stop(force=True)
