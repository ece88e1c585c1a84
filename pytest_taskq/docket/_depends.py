"""Depends: values that a function or a context manager makes for each execution of a task."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
)
from typing import Any, TypeVar, cast, overload

from pytest_taskq.docket._dependency import Dependency
from pytest_taskq.docket._plan import dependencies_of

__all__ = ["Depends", "Entered", "Made"]

T = TypeVar("T")


class Entered:
    """The dependencies of one execution: made once each, closed in reverse order."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.all: list[Any] = []
        self._stack = stack
        self._made: dict[Callable[..., Any], Any] = {}

    async def enter(self, dependency: Dependency) -> Any:
        """The value of a dependency."""
        if isinstance(dependency, Made):
            return await self._make(dependency.factory)
        value = await self._stack.enter_async_context(dependency)
        self.all.append(value)
        return value

    async def _make(self, factory: Callable[..., Any]) -> Any:
        if factory not in self._made:
            values = {
                parameter.name: await self.enter(parameter.dependency)
                for parameter in dependencies_of(factory)
            }
            self._made[factory] = await self._open(factory, factory(**values))
        return self._made[factory]

    async def _open(self, factory: Callable[..., Any], value: Any) -> Any:
        # What a coroutine function returns is the value, were it a context manager or not.
        if inspect.isawaitable(value):
            return await value
        if isinstance(value, AbstractAsyncContextManager):
            return await self._stack.enter_async_context(value)
        if isinstance(value, AbstractContextManager):
            return self._stack.enter_context(value)
        return value


class Made(Dependency):
    """What ``Depends`` puts in the place of a value."""

    def __init__(self, factory: Callable[..., Any]) -> None:
        self.factory = factory

    async def __aenter__(self) -> Any:
        raise NotImplementedError("made by Entered, which knows what else the execution has")

    def __repr__(self) -> str:
        return f"Depends({self.factory.__name__})"


@overload
def Depends(factory: Callable[..., AbstractAsyncContextManager[T]]) -> T: ...
@overload
def Depends(factory: Callable[..., AbstractContextManager[T]]) -> T: ...
@overload
def Depends(factory: Callable[..., Awaitable[T]]) -> T: ...
@overload
def Depends(factory: Callable[..., T]) -> T: ...
def Depends(factory: Callable[..., Any]) -> Any:
    """The value that ``factory`` makes, once for each execution of the task.

    A sync or async function, or one that returns a context manager, which is entered before
    the task and left after it. Its parameters may be dependencies in turn.

        async def report(session: Session = Depends(open_session)) -> None: ...
    """
    return cast("Any", Made(factory))
