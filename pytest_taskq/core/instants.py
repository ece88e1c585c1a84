"""Time as plain numbers and text, exactly: instants, delays, and datetimes with their zones.

Nothing here knows what time it is, or which zone the machine is in.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from pytest_taskq.core.errors import BadOption, NaiveDatetime

__all__ = [
    "LAST",
    "Instant",
    "from_parts",
    "to_datetime",
    "to_instant",
    "to_micros",
    "to_parts",
    "unfrozen",
]

Instant = int
"""Microseconds since 1970-01-01T00:00:00Z."""

SECOND = 1_000_000
DAY = 86_400 * SECOND


def unfrozen(kind: type[Any]) -> type[Any]:
    """The real ``datetime`` or ``date``, also while freezegun has put an imitation in its place.

    freezegun swaps the names of every module it finds, and a module first imported while time
    is frozen sees the imitation from the start. It leaves alone what is made from the real class.
    """
    return next(base for base in kind.__mro__ if base.__module__ == "datetime")


_REAL = (unfrozen(datetime),)
_EPOCH = _REAL[0](1970, 1, 1, tzinfo=UTC)
# Not `when - _EPOCH`: subclasses give the operator other meanings.
_minus = _REAL[0].__sub__
_LONGEST = (_REAL[0].max - _REAL[0].min).days * DAY
_FIRST = (_REAL[0].min.replace(tzinfo=UTC) - _EPOCH).days * DAY
LAST: Instant = _FIRST + (_LONGEST // DAY + 1) * DAY - 1
"""The last instant that a datetime in UTC can name: the year 9999 ends with it."""


def to_instant(when: datetime) -> Instant:
    """The instant that an aware datetime names.

    Raises NaiveDatetime when it has no time zone, BadOption when it is no datetime, or when it
    lies outside the years 1 to 9999 of UTC.

    >>> to_instant(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    try:
        since = _minus(when, _EPOCH)
    except TypeError:
        raise _no_instant(when) from None
    instant: Instant = since.days * DAY + since.seconds * SECOND + since.microseconds
    if not _FIRST <= instant <= LAST:
        raise BadOption(
            f"The calendar of UTC has the years 1 to 9999. {when!s} lies outside of them. Give an "
            f"instant that is within them."
        )
    return instant


def to_datetime(instant: Instant) -> datetime:
    """The instant as an aware datetime in UTC. Raises BadOption outside the years 1 to 9999."""
    try:
        return _EPOCH + timedelta(0, 0, instant)  # type: ignore[no-any-return]
    except OverflowError:
        raise BadOption(
            f"The instant {instant} is in no calendar. A datetime ends with the year 9999. "
            f"Give microseconds since 1970, and a shorter delay."
        ) from None


def to_micros(delay: timedelta | float) -> int:
    """A delay in microseconds; a number is taken as seconds.

    Raises BadOption when it is negative, not finite, longer than the calendar, or no delay at all.

    >>> to_micros(timedelta(minutes=1)), to_micros(0.1)
    (60000000, 100000)
    """
    if isinstance(delay, timedelta):
        micros = delay.days * DAY + delay.seconds * SECOND + delay.microseconds
    elif isinstance(delay, bool) or not isinstance(delay, int | float):
        raise _bad_delay(delay, f"is a {type(delay).__name__}")
    elif delay < 0:
        micros = -1  # what is negative stays so: -1e-9 must not be rounded to nothing
    elif isinstance(delay, int):
        micros = delay * SECOND
    elif math.isfinite(delay):
        # Apart, because the product of a large float would be rounded twice.
        whole = int(delay)
        micros = whole * SECOND + round((delay - whole) * SECOND)
    else:
        raise _bad_delay(delay, "is not finite")
    if not 0 <= micros <= _LONGEST:
        raise _bad_delay(delay, "is negative" if micros < 0 else "is longer than 9998 years")
    return micros


def to_parts(value: datetime | time) -> tuple[str | int, ...] | None:
    """A datetime or time as text and numbers; None when its zone has no name to find it by.

    Only UTC, fixed offsets and ``ZoneInfo`` objects made from a key can be told in a few words.

    >>> to_parts(datetime(2026, 3, 1, 12, tzinfo=ZoneInfo("Europe/Berlin")))
    ('2026-03-01T12:00:00', 0, 'Europe/Berlin')
    """
    zone = _zone_parts(value.tzinfo)
    return None if zone is None else (value.replace(tzinfo=None).isoformat(), value.fold, *zone)


def from_parts(kind: type[Any], text: str, fold: int, *zone: Any) -> Any:
    """The datetime or time (``kind``) that ``to_parts`` took apart."""
    return kind.fromisoformat(text).replace(fold=fold, tzinfo=_zone(*zone))


def _zone_parts(zone: tzinfo | None) -> tuple[str | int, ...] | None:
    if zone is None:
        return ()
    if type(zone) is timezone:
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]
        return (offset.days, offset.seconds, offset.microseconds, *name)
    return (zone.key,) if type(zone) is ZoneInfo and zone.key else None


def _zone(*parts: Any) -> tzinfo | None:
    if not parts:
        return None
    return ZoneInfo(*parts) if len(parts) == 1 else timezone(timedelta(*parts[:3]), *parts[3:])


def _no_instant(when: object) -> BadOption:
    if not isinstance(when, datetime):
        return BadOption(
            f"An aware datetime is needed. {when!r} is a {type(when).__name__}. "
            f"Write for example datetime(2026, 3, 1, 12, 0, tzinfo=UTC)."
        )
    text = when.replace(tzinfo=None).isoformat(sep=" ")
    return NaiveDatetime(
        f"A datetime without a time zone is no instant. {text} may be meant in UTC, or as the "
        f"wall clock of this machine shows it. Write .replace(tzinfo=UTC) behind it for the first, "
        f".astimezone() for the second."
    )


def _bad_delay(delay: object, problem: str) -> BadOption:
    return BadOption(
        f"A delay must be a timedelta or a number of seconds, from zero up. {delay!r} {problem}. "
        f"Write for example timedelta(minutes=5), or 300."
    )
