"""What does nothing before it is awaited or entered: the test that is present is told of each."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from functools import wraps
from inspect import CORO_CREATED, getcoroutinestate
from typing import Any, ParamSpec, Protocol, TypeVar
from weakref import ReferenceType

__all__ = ["LISTENER", "Block", "Call", "Listener", "noted", "tell"]

P = ParamSpec("P")
T = TypeVar("T")


class Call:
    """A call that has made a coroutine. ``name``: as the user writes it, "taskq.settle()"."""

    def __init__(self, name: str, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.name = name
        self._coroutine = coroutine

    def is_unused(self) -> bool:
        """Whether nobody has awaited it yet."""
        return getcoroutinestate(self._coroutine) == CORO_CREATED

    def close(self) -> None:
        """It is told of: Python need not complain of it too."""
        if self.is_unused():
            self._coroutine.close()


class Block:
    """A call whose result is for an ``async with``, which says so when it is ``entered``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.entered = False

    def is_unused(self) -> bool:
        """Whether nobody has entered it yet."""
        return not self.entered

    def close(self) -> None:
        """There is nothing to close."""


class Listener(Protocol):
    """Who is told."""

    def note(self, made: Call | Block) -> None:
        """This was made at the moment."""


LISTENER: ContextVar[ReferenceType[Listener] | None] = ContextVar("taskq_listener", default=None)
"""Set by the test that this code is part of."""


def tell(made: Call | Block) -> None:
    """Tell the test that is present, if there is one."""
    found = LISTENER.get()
    if found is not None and (listener := found()) is not None:
        listener.note(made)


def noted(
    name: str,
) -> Callable[[Callable[P, Coroutine[Any, Any, T]]], Callable[P, Coroutine[Any, Any, T]]]:
    """Make a coroutine function tell of each coroutine that it makes, under this name."""

    def decorate(
        function: Callable[P, Coroutine[Any, Any, T]],
    ) -> Callable[P, Coroutine[Any, Any, T]]:
        @wraps(function)
        def make(*args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
            coroutine = function(*args, **kwargs)
            tell(Call(f"{name}()", coroutine))
            return coroutine

        return make

    return decorate
