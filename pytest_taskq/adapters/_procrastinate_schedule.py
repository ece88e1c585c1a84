"""The ticks of a real periodic task, as its own library computes them."""

from __future__ import annotations

from typing import Any

from pytest_taskq.core.errors import BadOption, NeverFires
from pytest_taskq.core.instants import Instant, to_datetime

__all__ = ["CronTicks"]

SECOND = 1_000_000
# The year 2000, where the search for a first tick begins.
PROBE: Instant = 946_684_800 * SECOND


class CronTicks:
    """See ``Schedule``.

    Raises BadOption for an expression that Procrastinate cannot read, NeverFires for one without
    ticks; its own worker ends for either.

    Other cron libraries read some expressions otherwise, such as ``0 0 1-7 * */7``.
    """

    def __init__(self, periodic: Any) -> None:
        self._periodic = periodic
        try:
            # One of our own: it remembers where it is, and the task's is asked by its library.
            self._croniter = type(periodic.croniter)(periodic.cron)
        except ValueError as error:
            raise BadOption(
                f"The cron expression of {periodic.task.name} cannot be read. It is "
                f"{periodic.cron!r}, and Procrastinate says: {error}. "
                f"Write for example '*/5 * * * *'."
            ) from None
        self.next_after(PROBE)

    def next_after(self, instant: Instant) -> Instant:
        """See ``Schedule.next_after``."""
        # Ticks are at whole seconds, and of parts of one it would lose some.
        begin = instant // SECOND
        try:
            tick: float = self._croniter.get_next(ret_type=float, start_time=begin)
        except (ValueError, OverflowError):
            raise NeverFires(
                f"The cron expression {self._periodic.cron!r} of {self._periodic.task.name} has "
                f"no next tick. There is none within 50 years after "
                f"{to_datetime(instant).isoformat()}. Choose a day that the month has."
            ) from None
        return round(tick) * SECOND
