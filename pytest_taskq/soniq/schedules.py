"""Words for times that come again: ``daily().at("09:00")`` is a cron expression."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from pytest_taskq.core.errors import BadOption

__all__ = ["EveryBuilder", "cron", "daily", "every", "monthly", "weekly"]

DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
DAY_NUMBERS = {name: number for number, day in enumerate(DAYS) for name in (day, day[:3])}


@dataclass(frozen=True)
class EveryBuilder:
    """Made by ``every(n)``."""

    n: int

    def __post_init__(self) -> None:
        if type(self.n) is not int or self.n < 1:
            raise BadOption(
                f"every() takes a whole number from 1 up. It was given {self.n!r}. "
                f"Write for example every(5).minutes()."
            )

    def seconds(self) -> timedelta:
        """A timedelta, for ``every=``: cron knows no seconds."""
        return timedelta(seconds=self.n)

    def minutes(self) -> str:
        """At each minute that ``n`` divides; the count begins anew with the hour."""
        return f"*/{self.n} * * * *"

    def hours(self) -> str:
        """At each full hour that ``n`` divides; the count begins anew with the day."""
        return f"0 */{self.n} * * *"

    def days(self) -> str:
        """At midnight of every ``n``-th day; the count begins anew with the month."""
        return f"0 0 */{self.n} * *"


@dataclass(frozen=True)
class _Times:
    """A day that comes again; as text, at its midnight."""

    days: str

    def at(self, time: str) -> str:
        """At a time of 24 hours, such as "09:30"."""
        return f"{_minute_and_hour(time)} {self.days}"

    def __str__(self) -> str:
        return f"0 0 {self.days}"


@dataclass(frozen=True)
class _Weekly(_Times):
    def on(self, day: str | int) -> _Times:
        """On a day by its name, or by its number from 0 for Sunday."""
        name = day.strip().lower() if isinstance(day, str) else day
        number = DAY_NUMBERS.get(name) if isinstance(name, str) else name
        if type(number) is not int or not 0 <= number <= 6:
            raise BadOption(
                f"A day of the week is a name, or a number from 0 for Sunday to 6. It is {day!r}. "
                f'Write for example weekly().on("monday").'
            )
        return _Times(f"* * {number}")


@dataclass(frozen=True)
class _Monthly(_Times):
    def on_day(self, day: int) -> _Times:
        """On a day of the month; months that do not have it are left out."""
        if type(day) is not int or not 1 <= day <= 31:
            raise BadOption(
                f"A day of the month is a whole number from 1 to 31. It is {day!r}. "
                f"Write for example monthly().on_day(15)."
            )
        return _Times(f"{day} * *")


def every(n: int) -> EveryBuilder:
    """``every(5).minutes()`` for ``cron=``, ``every(30).seconds()`` for ``every=``."""
    return EveryBuilder(n)


def daily() -> _Times:
    """Every day, at midnight unless ``.at("09:00")`` says otherwise."""
    return _Times("* * *")


def weekly() -> _Weekly:
    """Every Sunday, unless ``.on("monday")`` says otherwise."""
    return _Weekly("* * 0")


def monthly() -> _Monthly:
    """Every first of a month, unless ``.on_day(15)`` says otherwise."""
    return _Monthly("1 * *")


def cron(expr: str) -> str:
    """The expression as it is, for those who like to see the word."""
    if not isinstance(expr, str):
        raise TypeError(
            f"A cron expression is a text. It is a {type(expr).__name__}. "
            f'Write for example cron("*/5 * * * *").'
        )
    return expr


def _minute_and_hour(time: str) -> str:
    hour, _, minute = str(time).partition(":")
    try:
        if 0 <= int(hour) <= 23 and 0 <= int(minute) <= 59:
            return f"{int(minute)} {int(hour)}"
    except ValueError:
        pass
    raise BadOption(
        f"A time of the day is a text from 00:00 to 23:59. It is {time!r}. "
        f'Write for example .at("09:30").'
    )
