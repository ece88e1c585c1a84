"""A function in the place of a task of which only the name is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_taskq.core.errors import UnknownTask

if TYPE_CHECKING:
    from pytest_taskq.docket._states import TaskFunction

__all__ = ["placeholder"]


def placeholder(name: str) -> TaskFunction:
    """A task of that name. Raises UnknownTask when it runs."""

    async def unknown(*args: Any, **kwargs: Any) -> None:
        raise UnknownTask(name, ())

    unknown.__name__ = name
    return unknown
