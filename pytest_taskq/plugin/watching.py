"""Looks after an async test: what it leaves running, loses or blocks fails it when it ends."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from pytest_taskq.plugin.marks import marked_noblock
from pytest_taskq.plugin.strict import strictness

__all__ = ["looked_after"]


def looked_after(
    item: pytest.Item, *, is_async: bool
) -> Callable[[Callable[..., Any]], Callable[..., Any]] | None:
    """What makes of the test's coroutine function one that is looked after; None for no need."""
    noblock = marked_noblock(item)
    if not is_async:
        if noblock is not None:
            pytest.fail(
                f"{item.nodeid}: the marker taskq_noblock is for async tests. This one is not. "
                f"Take the marker away.",
                pytrace=False,
            )
        return None
    kinds = strictness(item)
    tasks, exceptions = "tasks" in kinds, "exceptions" in kinds
    if not (tasks or exceptions or noblock is not None):
        return None

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        async def watched(*args: Any, **kwargs: Any) -> Any:
            from pytest_taskq.testing.workers.watch import TestWatch

            watch = TestWatch(tasks=tasks, exceptions=exceptions, noblock=noblock)
            await watch.begin()
            try:
                value = await function(*args, **kwargs)
                problems = await watch.end()
            except Exception as error:
                for problem in await watch.end():
                    error.add_note(problem)
                raise
            finally:
                watch.close()
            if problems:
                pytest.fail("\n".join(problems), pytrace=False)
            return value

        return watched

    return wrap
