"""Values as their reader would write them, in the sentences of failed assertions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from pytest_taskq.testing.text import in_one_line

__all__ = ["show"]

LONGEST = 2_000


def show(value: object) -> str:
    """A value as its reader would write it: what has a name, such as a class, by that."""
    try:
        return _shown(value, ())
    except RecursionError:
        return in_one_line(value)


def _shown(value: object, inside: tuple[object, ...]) -> str:
    if isinstance(value, datetime):
        spec = "milliseconds" if value.microsecond else "seconds"
        return value.isoformat(sep=" ", timespec=spec).replace("+00:00", "Z")
    if isinstance(value, re.Pattern):
        return in_one_line(value.pattern, lambda pattern: f"/{pattern}/")
    name = getattr(value, "__qualname__", None)
    if isinstance(name, str) and (isinstance(value, type) or callable(value)):
        return name.rpartition("<locals>.")[2]
    if type(value) is not dict and type(value) is not list:
        return in_one_line(value)
    opening, closing = "{}" if type(value) is dict else "[]"
    if any(each is value for each in inside):
        return f"{opening}...{closing}"
    inside = (*inside, value)
    if type(value) is dict:
        parts = (f"{_shown(key, inside)}: {_shown(each, inside)}" for key, each in value.items())
    else:
        parts = (_shown(each, inside) for each in value)
    return f"{opening}{_joined(parts)}{closing}"


def _joined(parts: Iterable[str]) -> str:
    """A list of as many parts as anybody reads."""
    shown: list[str] = []
    length = 0
    for part in parts:
        if length > LONGEST:
            return ", ".join([*shown, "..."])
        shown.append(part)
        length += len(part)
    return ", ".join(shown)
