"""Refuses options that mean nothing, with the exception the library has and a sentence of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from difflib import get_close_matches
from functools import cache
from inspect import Parameter, signature
from typing import Any

__all__ = ["refuse_unknown", "to_delay"]

UNITS = "weeks, days, hours, minutes, seconds, milliseconds and microseconds"


def refuse_unknown(call: str, options: Iterable[str], function: Callable[..., Any]) -> None:
    """Raise TypeError for an option that is no keyword of ``function``; ``call`` is its name."""
    taken = _keywords(function)
    for name in options:
        if name not in taken:
            near = get_close_matches(name, taken, n=1)
            remedy = f"Write {near[0]}." if near else f"Leave it out: it takes {', '.join(taken)}."
            raise TypeError(
                f"{call} was given an option that it does not have. It is {name!r}. {remedy}"
            )


def to_delay(option: str, units: Mapping[str, float]) -> timedelta:
    """The delay that a dict of the keywords of ``timedelta`` stands for.

    Raises what ``timedelta`` raises: TypeError, ValueError or OverflowError.
    """
    try:
        return timedelta(**units)
    except (TypeError, ValueError, OverflowError) as error:
        raise type(error)(
            f"{option} is a dict of numbers by units of time. It is {units!r}. "
            f'Write for instance {option}={{"hours": 1}}; the units are {UNITS}.'
        ) from None


@cache
def _keywords(function: Callable[..., Any]) -> tuple[str, ...]:
    parameters = signature(function).parameters.values()
    return tuple(
        parameter.name
        for parameter in parameters
        if parameter.kind is Parameter.KEYWORD_ONLY and parameter.name != "blueprint"
    )
