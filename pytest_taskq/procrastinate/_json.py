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

    Raises TypeError for an object that JSON has no form for, ConnectorException for a text or a
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
    except TypeError as error:
        raise NotStorable(
            _path_of_bad(task_kwargs, "args"),
            f"{error}.",
            "Pass a text or a number, and let the task convert it.",
        ) from None
    return plain


def _path_of_bad(value: object, path: str) -> str:
    """Where the first value is that JSON has no form for."""
    parts: list[tuple[str, object]] = []
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str | int | float | None):
                return f"{path}[{key!r}]"
        parts = [(f"{path}.{key}", part) for key, part in value.items()]
    elif isinstance(value, list | tuple):
        parts = [(f"{path}[{number}]", part) for number, part in enumerate(value)]
    for where, part in parts:
        try:
            json.dumps(part)
        except TypeError:
            return _path_of_bad(part, where)
    return path
