"""Arguments as a library keeps them that stores JSON: what comes back is what a task will see."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pytest_taskq.core.errors import NotStorable

__all__ = ["to_plain_json"]

UNCHANGED = frozenset({bool, float, int, str, type(None)})
TEXT = frozenset({str})


def to_plain_json(
    kwargs: Mapping[str, Any], dumps: Callable[[Any], str | bytes] | None = None
) -> Mapping[str, Any]:
    """The arguments after a way through JSON: tuples are lists, and the keys of dicts texts.

    ``dumps``: the writer of JSON, if it is not the standard one. Raises NotStorable with the
    path of an object that JSON has no form for, ValueError for one that holds itself.
    """
    if UNCHANGED.issuperset(map(type, kwargs.values())) and TEXT.issuperset(map(type, kwargs)):
        return kwargs
    if dumps is not None:
        own: dict[str, Any] = json.loads(dumps(kwargs))
        return own
    try:
        plain: dict[str, Any] = json.loads(json.dumps(kwargs))
    except ValueError as error:
        path = _path_of_circle(kwargs, "args", ())
        if path is None:
            raise
        raise ValueError(
            f"{path} cannot be stored. It is a value that holds itself: {error}. "
            f"Pass an id, or a value without a circle."
        ) from None
    except TypeError as error:
        raise NotStorable(
            _path_of_bad(kwargs, "args"),
            f"{error}.",
            "Pass a text or a number, and let the task convert it.",
        ) from None
    return plain


def _path_of_bad(value: object, path: str) -> str:
    """Where the first value is that JSON has no form for."""
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str | int | float | None):
                return f"{path}[{key!r}]"
    for where, part in _parts(value, path):
        try:
            json.dumps(part)
        except TypeError:
            return _path_of_bad(part, where)
    return path


def _path_of_circle(value: object, path: str, around: tuple[object, ...]) -> str | None:
    """Where the first value is that lies in itself; None when there is none."""
    if any(value is outer for outer in around):
        return path
    for where, part in _parts(value, path):
        found = _path_of_circle(part, where, (*around, value))
        if found is not None:
            return found
    return None


def _parts(value: object, path: str) -> list[tuple[str, object]]:
    """What a value is made of in JSON, each part with its path."""
    if isinstance(value, Mapping):
        return [(f"{path}.{key}", part) for key, part in value.items()]
    if isinstance(value, list | tuple):
        return [(f"{path}[{number}]", part) for number, part in enumerate(value)]
    return []
