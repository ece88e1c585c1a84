"""When a periodic job runs next: intervals and cron expressions."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal, NamedTuple, Protocol
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
NOTHING = timedelta()
MINUTE = timedelta(minutes=1)


class Schedule(Protocol):
    """Knows its ticks."""

    def next_after(self, instant: Instant) -> Instant:
        """The first tick strictly after ``instant``. Raises NeverFires when there is none."""
        ...


class Interval(NamedTuple):
    """Ticks ``step`` microseconds apart. Make it with ``every``."""

    step: int
    anchor: Instant | None = None

    def next_after(self, instant: Instant) -> Instant:
        """See ``Schedule.next_after``."""
        if self.anchor is None:
            return instant + self.step
        return instant + self.step - (instant - self.anchor) % self.step


class Cron(NamedTuple):
    """The ticks of a cron expression (as cronsim reads it, seconds first). Make it with ``cron``.

    A day has to match both fields for days when one of them begins with ``*``, and otherwise
    either. A month without the day is passed over: 31 comes seven times a year, 29 February in
    leap years. ``L`` is the last day of a month, ``LW`` its last one from Monday to Friday,
    ``FRI#2`` its second Friday, ``5L`` its last.

    Where clocks change, by an hour or by a day, the rule is that of Debian's cron:

    - A job of fixed times, which has 5 fields and neither minute nor hour beginning with ``*``,
      is neither lost nor doubled. Times that fall into the gap come together, at the first whole
      minute after it; a time that comes twice is taken the first time.
    - Any other job follows the wall clock: it has no ticks in the gap, and ticks in both passes
      of a repeated hour.
    """

    expression: str
    zone: tzinfo = UTC

    def next_after(self, instant: Instant) -> Instant:
        """See ``Schedule.next_after``."""
        found = None
        with suppress(OverflowError):  # the calendar ends with the year 9999
            found = self._next_after(instant, to_datetime(instant).astimezone(self.zone))
        if found is None:
            raise NeverFires(
                f"The cron expression {self.expression!r} has no next tick. There is none within "
                f"50 years after {to_datetime(instant).isoformat()}. Choose a day that the month "
                f"has."
            )
        return found

    def _next_after(self, instant: Instant, here: datetime) -> Instant | None:
        wall = here.replace(tzinfo=None, fold=0)
        again = self._shown_again(wall)
        if again <= NOTHING or self._is_fixed():
            return self._search(instant, wall, fold=0)
        near = self._search(instant, wall, fold=here.fold)
        if near is not None and near - instant < to_micros(again):
            offset = to_datetime(near).astimezone(self.zone).utcoffset()
            if offset == here.utcoffset():
                return near  # in the same pass
        passes = (
            self._search(instant, wall, fold=0),
            self._search(instant, wall - again, fold=1),
        )
        return min((tick for tick in passes if tick is not None), default=None)

    def _search(self, instant: Instant, wall: datetime, *, fold: int) -> Instant | None:
        """The first tick later than both; ``fold`` says in which pass of a repeated hour.

        cronsim is not told of the zone. It moves by whole hours and to midnight, and so misses
        ticks where clocks change by half an hour, or gets lost where they change at midnight.
        """
        for time in CronSim(self.expression, wall):
            skipped = self._shown_again(time) < NOTHING
            if skipped and not self._is_fixed():
                continue
            shown = self._after_gap(time) if skipped else time
            tick = to_instant(shown.replace(tzinfo=self.zone, fold=fold))
            if tick > instant:
                return tick
        return None

    def _after_gap(self, wall: datetime) -> datetime:
        """The first minute that the clock shows, after a time that it never shows."""
        while self._shown_again(wall) < NOTHING:
            wall += MINUTE
        return wall

    def _shown_again(self, wall: datetime) -> timedelta:
        """How much later the clock shows a time once more; negative when it never shows it."""
        if self.zone is UTC:
            return NOTHING
        first = wall.replace(tzinfo=self.zone, fold=0).utcoffset() or NOTHING
        second = wall.replace(tzinfo=self.zone, fold=1).utcoffset() or NOTHING
        return first - second

    def _is_fixed(self) -> bool:
        fields = self.expression.split()
        return len(fields) == 5 and not any(field.startswith("*") for field in fields[:2])


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
        name = getattr(tz, "zone", None)
        # A zone of pytz tells no offset without its own localize(): its name is meant.
        return _zone(name) if isinstance(name, str) and hasattr(tz, "localize") else tz
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
