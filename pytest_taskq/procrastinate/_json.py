"""The arguments of a job as production keeps them: plain JSON, strict where its database is.

Tuples come back as lists and the keys of dicts as texts. That is what the task will see.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pytest_taskq.core.errors import NotStorable
from pytest_taskq.core.payload import encode_call
from pytest_taskq.procrastinate.exceptions import ConnectorException

__all__ = ["encode_kwargs"]

UNCHANGED = frozenset({bool, float, int, str, type(None)})
TEXT = frozenset({str})


def encode_kwargs(task_kwargs: Mapping[str, Any]) -> str:
    """The payload for these arguments.

    Raises TypeError for an object that JSON has no form for, ValueError for one that holds
    itself, ConnectorException for a text or a
    number that the database refuses, such as NaN or a NUL character, PayloadTooLarge.
    """
    if not (
        UNCHANGED.issuperset(map(type, task_kwargs.values()))
        and TEXT.issuperset(map(type, task_kwargs))
    ):
        task_kwargs = _through_json(task_kwargs)
    try:
        return encode_call((), task_kwargs)
    except NotStorable as error:
        raise ConnectorException(str(error)) from None


def _through_json(task_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = json.loads(json.dumps(task_kwargs))
    except ValueError as error:
        path = _path_of_circle(task_kwargs, "args", ())
        if path is None:
            raise
        raise ValueError(
            f"{path} cannot be stored. It is a value that holds itself: {error}. "
            f"Pass an id, or a value without a circle."
        ) from None
    except TypeError as error:
        raise NotStorable(
            _path_of_bad(task_kwargs, "args"),
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
