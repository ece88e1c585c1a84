"""Perpetual: a task that is scheduled anew, under the same key, whenever it has run."""

from __future__ import annotations

from copy import copy
from datetime import datetime, timedelta
from typing import Any, Self

from pytest_taskq.core.instants import to_instant, to_micros
from pytest_taskq.core.payload import encode_call
from pytest_taskq.docket._dependency import Dependency, current_docket, current_execution

__all__ = ["Perpetual"]


class Perpetual(Dependency):
    """Schedules the task again after each success, and after each final failure.

    ``every``: from the start of one run to the start of the next; a run that takes longer is
    followed at once. ``automatic``: each run of a worker schedules the task, without arguments
    and under its name as key, unless it is scheduled already. In the task, ``args`` and
    ``kwargs`` are what it was called with, and ``every`` may be set.

        async def look_around(perpetual: Perpetual = Perpetual(every=timedelta(minutes=5))): ...
    """

    single = True

    def __init__(self, every: timedelta = timedelta(0), automatic: bool = False) -> None:
        to_micros(every)
        self.every = every
        self.automatic = automatic
        self.args: tuple[Any, ...] = ()
        self.kwargs: dict[str, Any] = {}
        self.cancelled = False
        self.started_at = 0
        self._next_at: int | None = None

    async def __aenter__(self) -> Self:
        execution = current_execution.get()
        perpetual = copy(self)
        perpetual.args = execution.args
        perpetual.kwargs = dict(execution.kwargs)
        perpetual.started_at = _now()
        return perpetual

    def perpetuate(self, *args: Any, **kwargs: Any) -> None:
        """Call the next run with these arguments. Raises NotStorable, here and not too late."""
        encode_call(args, kwargs)
        self.args = args
        self.kwargs = kwargs

    def after(self, delay: timedelta) -> None:
        """Make the next run ``delay`` from now, whatever ``every`` says."""
        self._next_at = _now() + to_micros(delay)

    def at(self, when: datetime) -> None:
        """Make the next run at ``when``, whatever ``every`` says."""
        self._next_at = to_instant(when)

    def cancel(self) -> None:
        """Make no next run."""
        self.cancelled = True

    def next_at(self, now: int) -> int:
        """The instant of the next run, after one that ended at ``now``."""
        if self._next_at is not None:
            return max(now, self._next_at)
        return max(now, self.started_at + to_micros(self.every))


def _now() -> int:
    """The docket's present instant; in a task called directly, without one, it does not matter."""
    docket = current_docket.get(None)
    return docket.queue.clock.now() if docket is not None else 0
