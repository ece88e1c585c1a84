"""Perpetual and Cron: tasks that are scheduled anew, under the same key, whenever they have run."""

from __future__ import annotations

import logging
from copy import copy
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, Self

from cronsim import CronSimError

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.instants import to_datetime, to_instant, to_micros
from pytest_taskq.core.schedule import ALIASES, cron
from pytest_taskq.docket._dependency import current_docket, current_execution
from pytest_taskq.docket._handlers import CompletionHandler, TaskOutcome, format_duration
from pytest_taskq.docket._payload import encode
from pytest_taskq.engine.clock import Clock

if TYPE_CHECKING:
    from pytest_taskq.docket.execution import Execution

__all__ = ["BadCron", "Cron", "Perpetual"]


class BadCron(BadOption, CronSimError):
    """A cron expression cannot be read: the error that the library raises too."""


class Perpetual(CompletionHandler["Perpetual"]):
    """Schedules the task again after each success, and after each final failure.

    ``every``: from the start of one run to the start of the next; a run that takes longer is
    followed at once. ``automatic``: each run of a worker schedules the task, without arguments
    and under its name as key, unless it is scheduled already. In the task, ``args`` and
    ``kwargs`` are what it was called with, and ``every`` may be set.

        async def look_around(perpetual: Perpetual = Perpetual(every=timedelta(minutes=5))): ...
    """

    def __init__(self, every: timedelta = timedelta(0), automatic: bool = False) -> None:
        to_micros(every)
        self.every = every
        self.automatic = automatic
        self.args: tuple[Any, ...] = ()
        self.kwargs: dict[str, Any] = {}
        self.cancelled = False
        self._next_at: int | None = None

    async def __aenter__(self) -> Self:
        execution = current_execution.get()
        perpetual = copy(self)
        perpetual.args = execution.args
        perpetual.kwargs = dict(execution.kwargs)
        return perpetual

    @property
    def initial_when(self) -> datetime | None:
        """When an automatic task is due for the first time; None: at once."""
        return None

    def perpetuate(self, *args: Any, **kwargs: Any) -> None:
        """Call the next run with these arguments. Raises here for what cannot be stored."""
        encode(args, kwargs)
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

    async def on_complete(self, execution: Execution, outcome: TaskOutcome) -> bool:
        """Have the task follow itself, unless its key has been given to another execution."""
        logger = logging.getLogger("docket.dependencies")
        call, lasted = execution.call_repr(), format_duration(outcome.duration.total_seconds())
        fate = execution.fate
        if fate is not None and await fate.is_superseded():
            logger.info("↬ [%s] %s (superseded)", lasted, call)
            return True
        if self.cancelled:
            return False
        now = _now()
        due_at = max(now, now + to_micros(self.every) - to_micros(outcome.duration))
        if self._next_at is not None:
            due_at = self._next_at
        when = to_datetime(due_at)
        if fate is None:
            schedule = execution.docket.replace(execution.function, when, execution.key)
            await schedule(*self.args, **self.kwargs)
        else:
            following = type(execution)(
                docket=execution.docket,
                function=execution.function,
                args=self.args,
                kwargs=self.kwargs,
                key=execution.key,
                when=when,
                attempt=1,
                function_name=execution.function_name,
            )
            await fate.follow_with(following)
        if outcome.exception is not None:
            logger.error("↩ [%s] %s", lasted, call, exc_info=outcome.exception)
        logger.info("↫ [%s] %s", lasted, call)
        return True


class Cron(Perpetual):
    """A perpetual task that runs at the times of a cron expression, however long it takes.

    ``expression``: five fields, or one of @yearly, @annually, @monthly, @weekly, @daily,
    @midnight and @hourly, read in the zone ``tz``. Raises an error of cronsim for any other.

        async def report(cron: Cron = Cron("0 9 * * 1", tz=ZoneInfo("Europe/Paris"))): ...
    """

    def __init__(self, expression: str, automatic: bool = True, tz: tzinfo = UTC) -> None:
        super().__init__(automatic=automatic)
        self.expression = ALIASES.get(expression, expression)
        self.tz = tz
        try:
            self.schedule = cron(self.expression, tz=tz, seconds="first")
        except BadOption as error:
            raise BadCron(*error.args) from None
        self._last = _now()

    async def __aenter__(self) -> Self:
        begun = await super().__aenter__()
        begun._last = _now()  # noqa: SLF001 - of its own kind
        return begun

    def next_time(self) -> datetime:
        """The next time that matches, and with each call the one after that."""
        self._last = self.schedule.next_after(self._last)
        return to_datetime(self._last).astimezone(self.tz)

    @property
    def initial_when(self) -> datetime:
        """The first time that matches from now on."""
        self._last = _now()
        return self.next_time()

    async def on_complete(self, execution: Execution, outcome: TaskOutcome) -> bool:
        """Have the task follow itself at the next time after the start of this run."""
        self.at(self.next_time())
        return await super().on_complete(execution, outcome)


def _now() -> int:
    """The present instant of the docket; without one, of the clock that Python follows."""
    docket = current_docket.get(None)
    return docket.queue.clock.now() if docket is not None else Clock.present().now()
