"""When a periodic job runs next: intervals and cron expressions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta, tzinfo
from typing import Literal, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from pytest_taskq.core.errors import BadOption, NeverFires
from pytest_taskq.core.instants import Instant, to_datetime, to_instant, to_micros

__all__ = ["ALIASES", "Cron", "Interval", "Schedule", "cron", "every"]

ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
"""Names for common expressions, as in crontab(5)."""

FIELDS = ("second", "minute", "hour", "day-of-month", "month", "day-of-week")
"""As cronsim orders and names them."""

# Where the search for a first tick begins. cronsim looks 50 years ahead from there.
PROBE: Instant = 946_684_800_000_000  # 2000-01-01T00:00:00Z


class Schedule(Protocol):
    """Knows its ticks."""

    def next_after(self, instant: Instant) -> Instant:
        """The first tick strictly after ``instant``. Raises NeverFires when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Interval:
    """Ticks ``step`` microseconds apart. Make it with ``every``."""

    step: int
    anchor: Instant | None = None

    def next_after(self, instant: Instant) -> Instant:
        """See ``Schedule.next_after``."""
        if self.anchor is None:
            return instant + self.step
        return instant + self.step - (instant - self.anchor) % self.step


@dataclass(frozen=True, slots=True)
class Cron:
    """The ticks of a cron expression (as cronsim reads it, seconds first). Make it with ``cron``.

    Where clocks change, the rule is that of Debian's cron. A job of 5 fields with neither
    minute nor hour beginning with ``*`` runs once on such a day: right after the gap when its
    time falls into it, and the first time when its time comes twice. Any other job follows the
    wall clock: it has no ticks in the gap, and ticks in both passes of a repeated hour.
    """

    expression: str
    zone: tzinfo = UTC

    def next_after(self, instant: Instant) -> Instant:
        """See ``Schedule.next_after``."""
        try:
            for tick in CronSim(self.expression, to_datetime(instant).astimezone(self.zone)):
                # In the second pass of a repeated hour cronsim finds the first pass again.
                if (found := to_instant(tick)) > instant:
                    return found
        except OverflowError:
            pass  # the calendar ends with the year 9999
        raise NeverFires(
            f"The cron expression {self.expression!r} has no next tick. There is none within 50 "
            f"years after {to_datetime(instant).isoformat()}. Choose a day that the month has."
        )


def every(interval: timedelta, *, anchor: Instant | None = None) -> Interval:
    """Ticks at ``anchor`` and any number of intervals before and after it.

    Without an anchor the next tick is one interval after whatever instant is asked about.

    >>> every(timedelta(seconds=10), anchor=0).next_after(12_000_000)
    20000000
    """
    step = to_micros(interval)
    if step == 0:
        raise BadOption(
            f"The interval of a schedule must be longer than zero. It is {interval!r}. "
            f"Write for example timedelta(minutes=5)."
        )
    return Interval(step, anchor)


def cron(
    expression: str, tz: tzinfo | str = UTC, *, seconds: Literal["first", "last"] = "last"
) -> Cron:
    """The schedule of a cron expression of 5 fields, of 6 with seconds, or an alias as @daily.

    ``tz`` is whose wall clock counts (``Cron`` says what happens where it changes), ``seconds``
    which of 6 fields holds the seconds. Raises BadOption for an expression or zone that cannot
    be read, NeverFires for one without ticks, as "0 0 30 2 *".

    >>> to_datetime(cron("30 4 * * *", "Europe/Berlin").next_after(0)).isoformat()
    '1970-01-01T03:30:00+00:00'
    """
    if seconds not in {"first", "last"}:
        raise BadOption(
            f"The seconds are the first or the last of 6 fields. {seconds!r} is neither. "
            f'Write seconds="first" or seconds="last".'
        )
    fields = _fields(expression, seconds)
    schedule = Cron(" ".join(fields), _zone(tz))
    try:
        schedule.next_after(PROBE)
    except NeverFires:
        raise _never(expression) from None
    except (CronSimError, ValueError) as error:
        raise _unreadable(expression, fields, str(error)) from None
    return schedule


def _fields(expression: str, seconds: str) -> list[str]:
    if not isinstance(expression, str):
        raise BadOption(
            f"A cron expression is a string. {expression!r} is a {type(expression).__name__}. "
            f'Write for example "*/5 * * * *".'
        )
    text = expression.strip()
    if text.startswith("@"):
        if text.lower() not in ALIASES:
            raise BadOption(
                f"The cron alias {expression!r} is not known. Known are {', '.join(ALIASES)}. "
                f"Use one of these, or write the fields out."
            )
        text = ALIASES[text.lower()]
    fields = text.split()
    if len(fields) not in {5, 6}:
        raise BadOption(
            f"The cron expression {expression!r} has a wrong number of fields: {len(fields)}. "
            f"There are 5: minute, hour, day of the month, month, day of the week; and with the "
            f"seconds {seconds} there are 6. Write for example '*/5 * * * *'."
        )
    if len(fields) == 6 and seconds == "last":
        fields.insert(0, fields.pop())
    return fields


def _zone(tz: tzinfo | str) -> tzinfo:
    if isinstance(tz, tzinfo):
        return tz
    if tz == "UTC":
        return UTC
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, TypeError, AttributeError, OSError):
        raise BadOption(
            f"The time zone {tz!r} is not known. It is neither a tzinfo nor a name that zoneinfo "
            f'finds. Write for example "Europe/Berlin"; where the system has no time zones, '
            f"install tzdata."
        ) from None


def _unreadable(expression: str, fields: list[str], complaint: str) -> BadOption:
    full = fields if len(fields) == 6 else ["0", *fields]
    name = complaint.removeprefix("Bad ")
    if name not in FIELDS:
        return BadOption(
            f"The cron expression {expression!r} cannot be read. cronsim says: {complaint}. "
            f"Write for example '*/5 * * * *'."
        )
    if name == "day-of-month" and _parses([*full[:4], "*", full[5]]):
        return _never(expression)
    return BadOption(
        f"The cron expression {expression!r} cannot be read. Its {name} is "
        f"{full[FIELDS.index(name)]!r}. Correct that field; '*/5 * * * *' is every five minutes."
    )


def _parses(fields: list[str]) -> bool:
    try:
        CronSim(" ".join(fields), to_datetime(PROBE))
    except (CronSimError, ValueError):
        return False
    return True


def _never(expression: str) -> NeverFires:
    return NeverFires(
        f"The cron expression {expression!r} never fires. No day in 50 years matches its day and "
        f"month together. Choose a day that the month has, or 'L' for the last one."
    )
