"""How long, as people write it: a timedelta, seconds, units, or a text such as "1h30m"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.instants import DAY, SECOND, to_micros

__all__ = ["Duration", "to_step"]

Duration = timedelta | float | str

UNITS = {
    "w": 7 * DAY,
    "d": DAY,
    "h": 3_600 * SECOND,
    "m": 60 * SECOND,
    "s": SECOND,
    "ms": 1_000,
    "us": 1,
}
PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|us|[wdhms])\s*", re.ASCII)


def to_step(call: str, by: Duration | None, units: Mapping[str, float]) -> int:
    """One duration in microseconds, given as ``by`` or in units of ``timedelta``.

    ``call`` names the method that was called. Raises BadOption for none, two, a negative or an
    unreadable one.

    >>> to_step("elapse", "1h30m", {}), to_step("elapse", None, {"hours": 1.5})
    (5400000000, 5400000000)
    """
    if (by is None) == (not units):
        raise BadOption(
            f"{call}() needs one duration. It was given {'none' if by is None else 'two'}. "
            f'Write {call}(90), {call}("1h30m"), {call}(hours=1) or {call}(timedelta(hours=1)).'
        )
    if by is None:
        return to_micros(_from_units(call, units))
    return _from_text(call, by) if isinstance(by, str) else to_micros(by)


def _from_text(call: str, text: str) -> int:
    parts = PART.findall(text)
    if not parts or PART.sub("", text.strip()):
        raise BadOption(
            f"{call}() cannot read this duration. It was given {text!r}. "
            f'Write numbers with w, d, h, m, s, ms or us behind them: "14d", "1h30m", "250ms".'
        )
    seconds, rest = divmod(int(sum(Decimal(n) * UNITS[u] for n, u in parts)), SECOND)
    return to_micros(seconds) + rest


def _from_units(call: str, units: Mapping[str, float]) -> timedelta:
    try:
        return timedelta(**units)
    except (TypeError, ValueError, OverflowError) as error:
        given = ", ".join(f"{unit}={amount!r}" for unit, amount in units.items())
        raise BadOption(
            f"{call}() takes amounts of timedelta's units. It was given {given} ({error}). "
            f"Use weeks, days, hours, minutes, seconds, milliseconds or microseconds."
        ) from None
