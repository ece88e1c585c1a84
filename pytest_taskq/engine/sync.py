"""Lets sync code use a queue: drives a coroutine that does not need to wait."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["drive"]

T = TypeVar("T")


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end without a loop, which works while its store never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    coroutine.close()
    raise RuntimeError(
        "This call cannot be made from sync code. Its store has to wait for an answer. "
        "Use the async form of the call."
    )
