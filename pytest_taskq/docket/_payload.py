"""Arguments and results as the library copies them: anything that can be pickled.

What has a plain form is kept in it, which people can read; all else is pickled. Only the facade
makes and reads either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_taskq.core.errors import MissingExtra, NotStorable, PayloadTooLarge
from pytest_taskq.core.payload import decode_call, decode_value, encode_call, encode_value

__all__ = ["decode", "decode_result", "encode", "encode_result", "pickled", "unpickled"]

PICKLED = "cloudpickle:"
REFUSALS = (NotStorable, PayloadTooLarge)


def encode(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """The arguments of a call.

    Raises what cloudpickle does for what it cannot pickle, with a note that names the argument.
    """
    try:
        return encode_call(args, kwargs)
    except REFUSALS as refused:
        return _pickled_instead((args, dict(kwargs)), refused)


def decode(text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments that ``encode`` wrote."""
    if text.startswith(PICKLED):
        args, kwargs = unpickled(text.removeprefix(PICKLED))
        return args, kwargs
    return decode_call(text)


def encode_result(value: object) -> str:
    """What a task returned, or raised."""
    try:
        return encode_value(value)
    except REFUSALS as refused:
        return _pickled_instead(value, refused)


def _pickled_instead(value: object, refused: Exception) -> str:
    """What is no JSON. An error of cloudpickle alone would not say which argument it is."""
    try:
        return PICKLED + pickled(value)
    except MissingExtra:
        raise
    except Exception as error:
        error.add_note(str(refused))
        raise error from None


def decode_result(text: str) -> Any:
    """The value that ``encode_result`` wrote."""
    return unpickled(text.removeprefix(PICKLED)) if text.startswith(PICKLED) else decode_value(text)


def pickled(value: object) -> str:
    """A value as the library keeps it: the base 64 of what cloudpickle writes."""
    from pytest_taskq.docket._cloudpickle import dump

    return dump(value)


def unpickled(text: str) -> Any:
    """The value that ``pickled`` wrote."""
    from pytest_taskq.docket._cloudpickle import load

    return load(text)
