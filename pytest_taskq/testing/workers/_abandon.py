"""Leaves tasks behind that take no cancellation: a loop that closes would wait for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

__all__ = ["abandon"]

_FOR_GOOD: list[asyncio.Task[Any]] = []
"""Kept: collected, each would be told of in some other test."""


def abandon(tasks: Iterable[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
    """Make the loop forget those of the tasks that have not ended; and give them."""
    left = [task for task in tasks if not task.done()]
    for task in left:
        asyncio.tasks._unregister_task(task)  # noqa: SLF001 - documented, for other loops
    _FOR_GOOD.extend(left)
    return left
