"""The arguments of a job as production keeps them: plain JSON, strict where its database is.

Tuples come back as lists and the keys of dicts as texts. That is what the task will see.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_taskq.core.errors import NotStorable
from pytest_taskq.core.payload import encode_call
from pytest_taskq.core.plain_json import to_plain_json
from pytest_taskq.procrastinate.exceptions import ConnectorException

__all__ = ["encode_kwargs"]


def encode_kwargs(task_kwargs: Mapping[str, Any]) -> str:
    """The payload for these arguments.

    Raises TypeError for an object that JSON has no form for, ValueError for one that holds
    itself, ConnectorException for a text or a
    number that the database refuses, such as NaN or a NUL character, PayloadTooLarge.
    """
    task_kwargs = to_plain_json(task_kwargs)
    try:
        return encode_call((), task_kwargs)
    except NotStorable as error:
        raise ConnectorException(str(error)) from None
