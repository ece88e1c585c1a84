"""Changes an object in place for the length of a block, and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["replaced", "restored"]


@contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Another attribute for the length of a block, on this very object."""
    own = vars(owner)
    before, had = own.get(name), name in own
    setattr(owner, name, value)
    try:
        yield
    finally:
        if had:
            setattr(owner, name, before)
        else:
            delattr(owner, name)


@contextmanager
def restored(mapping: dict[Any, Any]) -> Iterator[None]:
    """What is added to a dict in the block is taken out afterwards."""
    before = dict(mapping)
    try:
        yield
    finally:
        mapping.clear()
        mapping.update(before)
