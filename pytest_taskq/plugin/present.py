"""Where the code runs: in which test, and in whose process.

Fixtures do not ask pytest for ``request``: pytest 9 makes a definition of that fixture anew for
each one that asks, which costs more than most of ours do themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

__all__ = ["is_xdist_worker", "present_item", "running"]

_ITEMS: list[pytest.Item] = []  # several where a test runs pytest in its own process


@contextmanager
def running(item: pytest.Item) -> Iterator[None]:
    """Inside, this is the present test."""
    _ITEMS.append(item)
    try:
        yield
    finally:
        _ITEMS.pop()


def present_item() -> pytest.Item:
    """The test whose fixtures or body run now."""
    return _ITEMS[-1]


def is_xdist_worker(config: pytest.Config) -> bool:
    """Whether this process runs a part of the tests for another one, which tells of them."""
    return hasattr(config, "workerinput")
