"""The ticks of a cron expression of a real app, as its own library computes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_taskq.core.errors import BadOption, NeverFires
from pytest_taskq.core.instants import Instant, to_datetime

__all__ = ["CronTicks", "KnownTicks"]

SECOND = 1_000_000
# The year 2000, where the search for a first tick begins.
PROBE: Instant = 946_684_800 * SECOND


class CronTicks:
    """See ``Schedule``. ``croniter`` makes what the library reads its expressions with.

    Raises BadOption for an expression of ``task`` that it cannot read, NeverFires for one without
    ticks; a worker of the library ends for either.

    Other cron libraries read some expressions otherwise, such as ``0 0 1-7 * */7``.
    """

    def __init__(
        self, croniter: Callable[[str], Any], expression: str, task: str, library: str
    ) -> None:
        self._expression = expression
        self._task = task
        try:
            self._croniter = croniter(expression)
        except ValueError as error:
            raise BadOption(
                f"The cron expression of {task} cannot be read. It is {expression!r}, and "
                f"{library} says: {error}. Write for example '*/5 * * * *'."
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
                f"The cron expression {self._expression!r} of {self._task} has no next tick. "
                f"There is none within 50 years after {to_datetime(instant).isoformat()}. Choose "
                f"a day that the month has."
            ) from None
        return round(tick) * SECOND


class KnownTicks:
    """Those of the tasks of an app, which is asked for them over and over.

    Each is made once: its first tick is looked for, which takes longer than all the rest.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], CronTicks] = {}

    def of(self, task: str, expression: str, make: Callable[[], CronTicks]) -> CronTicks:
        """When a task with this expression runs."""
        which = task, expression
        if which not in self._known:
            self._known[which] = make()
        return self._known[which]
