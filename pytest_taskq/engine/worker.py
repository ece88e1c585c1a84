"""A worker: its settings, and the ways to run it. The loop itself is in ``run``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.job import Job
from pytest_taskq.core.outcome import Again, Outcome
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.report import Report
from pytest_taskq.engine.run import Run
from pytest_taskq.engine.tasks import Tasks

if TYPE_CHECKING:
    from pytest_taskq.engine.ticker import Ticker

__all__ = ["Worker"]


class Worker:
    """Claims jobs and runs them, up to ``concurrency`` at once.

    ``queues``: the ones it listens to; None for all. ``expired``: whether and when again, for a
    job whose worker let the lease lapse; by default at once. ``drains``: cancelling who awaits
    a run lets the jobs in hand end, and the run returns; by default they go back and it raises.
    ``only``: which jobs it takes; None for all. ``ends`` is asked after outcomes were recorded;
    when it says True, the run ends after the jobs in hand. ``ticker``: enqueues periodic jobs
    while this worker runs; several workers may share it. ``put_back``: what is recorded of an
    attempt that has begun when the worker stops it; None, as by default, puts the job back
    untouched.
    """

    def __init__(
        self,
        queue: Queue,
        tasks: Tasks,
        *,
        name: str = "worker",
        concurrency: int = 10,
        queues: frozenset[str] | None = None,
        expired: Callable[[Job], Again | None] | None = None,
        drains: bool = False,
        only: Callable[[Job], bool] | None = None,
        ends: Callable[[], bool] | None = None,
        ticker: Ticker | None = None,
        put_back: Callable[[Job], Outcome | None] = lambda _job: None,
    ) -> None:
        if type(concurrency) is not int or concurrency < 1:
            raise BadOption(
                f"The concurrency of a worker must be a whole number above zero. "
                f"It is {concurrency!r}. Use 1 to run jobs one after the other."
            )
        self.queue = queue
        self.tasks = tasks
        self.name = name
        self.concurrency = concurrency
        self.queues = queues
        self._drains = drains
        self.only = only
        self.ends = ends
        self.ticker = ticker
        self.put_back = put_back
        self.expired = expired or (lambda _job: Again(at=queue.clock.now()))

    @property
    def running(self) -> list[Job]:
        """The jobs this worker has in hand."""
        return [job for run in self._runs() for job in run.jobs]

    async def run_until_idle(
        self, *, attempts: int | None = None, until: int | None = None
    ) -> Report:
        """Run what is due, and what that enqueues, until nothing is due; at most ``attempts``.

        With ``until``, time passes to that instant, each job running at its own; jobs that are
        in hand even then go back to the queue. A run that ends before leaves the clock there.
        Raises BadOption for ``until`` on a real clock.
        """
        if until is None:
            return await Run(self, "idle", attempts=attempts, drains=self._drains).go()
        run = Run(self, "stopped", attempts=attempts, drains=self._drains)
        clock = self.queue.clock
        going = asyncio.ensure_future(run.go())
        elapsing = asyncio.ensure_future(clock.elapse(timedelta(microseconds=until - clock.now())))
        try:
            await asyncio.wait({going, elapsing}, return_when=asyncio.FIRST_COMPLETED)
            if elapsing.done():
                elapsing.result()
        finally:
            elapsing.cancel()
            if not going.done():
                await run.end()
        return await going

    async def run_until_finished(self, *, at_most: Mapping[str, int] | None = None) -> Report:
        """Run until no job is left, letting time pass as the clock's mode says.

        ``at_most``: by key or task name, after how many attempts the jobs of that name are
        cancelled. On a controlled clock, raises NotFinished when one chain of jobs, each
        enqueued by the one before, goes on beyond the queue's ``chain_limit``.
        """
        run = Run(self, "finished", at_most=at_most, drains=self._drains)
        return await run.go()

    async def run_forever(self) -> Report:
        """Run jobs as they become due, until ``stop`` is called or the caller is cancelled.

        On a controlled clock, raises NotFinished when a chain of jobs goes on beyond the queue's
        ``chain_limit`` and no time passes.
        """
        return await Run(self, "stopped", drains=self._drains).go()

    def stop(self, *, force: bool = False) -> None:
        """End the present runs: after the jobs in hand, or with ``force`` at once.

        Jobs stopped by force go back to the queue, and the attempt is given back.
        """
        for run in self._runs():
            run.stop(force=force)

    async def end(self, *, force: bool = False) -> None:
        """Stop, and wait until the runs are over."""
        for run in self._runs():
            await run.end(force=force)

    def _runs(self) -> list[Run]:
        return [run for run in self.queue.runs if isinstance(run, Run) and run.worker is self]
