"""The arguments of a real execution as text, and back."""

from __future__ import annotations

import pickle
from base64 import b64decode, b64encode
from typing import Any

from pytest_taskq.core.errors import NotStorable, PayloadTooLarge
from pytest_taskq.core.payload import decode_call, encode_call

__all__ = ["arguments_of", "payload_of"]

PICKLED = "pickled:"


def payload_of(execution: Any) -> str:
    """A copy of its arguments: readable where they are plain, else as the library copies them."""
    try:
        return encode_call(execution.args, execution.kwargs)
    except (NotStorable, PayloadTooLarge):
        message = execution.as_message()
        parts = (message[b"args"], message[b"kwargs"])
        return PICKLED + " ".join(b64encode(part).decode() for part in parts)


def arguments_of(payload: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments that ``payload_of`` copied."""
    if not payload.startswith(PICKLED):
        return decode_call(payload)
    parts = payload.removeprefix(PICKLED).split()
    # What the library wrote in this very process, from the arguments of the test's own jobs.
    args, kwargs = (pickle.loads(b64decode(part)) for part in parts)  # noqa: S301
    return args, kwargs
