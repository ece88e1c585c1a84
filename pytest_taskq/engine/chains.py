"""Ends the runs of a library's own worker whose jobs enqueue one another without an end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING

from pytest_taskq.core.errors import NotFinished
from pytest_taskq.core.job import Job
from pytest_taskq.engine.leases import Ended
from pytest_taskq.engine.limits import Limits

if TYPE_CHECKING:
    from pytest_taskq.engine.queue import Queue

__all__ = ["admit", "counted"]


class _Run:
    """One run of a worker; one that ``waits`` may go on for ever where time passes."""

    def __init__(self, queue: Queue, waits: bool, over: Callable[[], object] | None) -> None:
        self.queue = queue
        self._waits = waits
        self._over = over
        self._limits = Limits.of(queue)

    async def admit(self, job: Job) -> None:
        if self._waits:
            self._limits.time_is(self.queue.clock.now())
        try:
            self._limits.count(job)
        except NotFinished:
            if self._over is not None:
                self._over()
            await self.queue.uncut(self.queue.leases.finish([Ended(job, None)]))
            raise


_PRESENT: ContextVar[_Run | None] = ContextVar("taskq_run_of_a_library", default=None)


@contextmanager
def counted(
    queue: Queue, *, waits: bool, over: Callable[[], object] | None = None
) -> Iterator[None]:
    """Inside is one run of a worker, until nothing is due or, if it ``waits``, until stopped.

    ``over`` is called when a chain has ended it: other jobs in hand are not to be waited for.
    """
    token = _PRESENT.set(_Run(queue, waits, over))
    try:
        yield
    finally:
        with suppress(ValueError):  # left in another task than it was entered in
            _PRESENT.reset(token)


async def admit(queue: Queue, job: Job) -> None:
    """Count an attempt of the present run, whose job was just claimed.

    Raises NotFinished for one too many of a chain, and puts its job back. As in the engine's own
    runs, nothing is counted on real time.
    """
    run = _PRESENT.get()
    if run is not None and run.queue is queue:
        await run.admit(job)
