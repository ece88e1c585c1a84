"""Cron: perpetual tasks that run at the times of an expression."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Self

from cronsim import CronSimError

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.schedule import ALIASES, cron
from pytest_taskq.docket._handlers import TaskOutcome
from pytest_taskq.docket._perpetual import Perpetual, present_instant

if TYPE_CHECKING:
    from pytest_taskq.docket.execution import Execution

__all__ = ["BadCron", "Cron"]


class BadCron(BadOption, CronSimError):
    """A cron expression cannot be read: the error that the library raises too."""


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
        self._last = present_instant()

    async def __aenter__(self) -> Self:
        begun = await super().__aenter__()
        begun._last = present_instant()  # noqa: SLF001 - of its own kind
        return begun

    def next_time(self) -> datetime:
        """The next time that matches, and with each call the one after that."""
        self._last = self.schedule.next_after(self._last)
        return to_datetime(self._last).astimezone(self.tz)

    @property
    def initial_when(self) -> datetime:
        """The first time that matches from now on."""
        self._last = present_instant()
        return self.next_time()

    async def on_complete(self, execution: Execution, outcome: TaskOutcome) -> bool:
        """Have the task follow itself at the next time after the start of this run."""
        self.at(self.next_time())
        return await super().on_complete(execution, outcome)
