"""Depends and Shared: values that a factory makes, for one execution or for a worker's life."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    suppress,
)
from contextvars import ContextVar, Token
from functools import cached_property
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar, cast, overload

from pytest_taskq.docket._dependency import Dependency, Provider
from pytest_taskq.docket._plan import get_dependency_parameters
from pytest_taskq.docket._scope import SCOPE, Argument, open_value

__all__ = ["DependencyFunction", "Depends", "Made", "Shared", "SharedContext"]

T = TypeVar("T")
DependencyFunction = Callable[..., Any]


class Made(Provider[Any]):
    """What ``Depends`` puts in the place of a value."""

    def __init__(self, factory: DependencyFunction, bindings: dict[str, Any]) -> None:
        self.factory = factory
        self.bindings = bindings

    def identity(self) -> Hashable:
        """Equal for two that share one value in an execution."""
        bound = ((name, _identity(value, name)) for name, value in sorted(self.bindings.items()))
        return self.factory, tuple(bound)

    async def __aenter__(self) -> Any:
        scope = SCOPE.get()
        identity = self.identity()
        if identity not in scope.made:
            values = await _enter(
                scope.stack, get_dependency_parameters(self.factory) | self.bindings
            )
            scope.made[identity] = await open_value(scope.stack, self.factory(**values))
        return scope.made[identity]

    def __repr__(self) -> str:
        return f"Depends({self.factory.__name__})"


class SharedMade(Provider[Any]):
    """What ``Shared`` puts in the place of a value."""

    def __init__(self, factory: DependencyFunction) -> None:
        self.factory = factory

    async def __aenter__(self) -> Any:
        shared = SharedContext.current.get()
        made, stack = shared.made, shared.stack
        if self.factory not in made:
            values = await _enter(stack, get_dependency_parameters(self.factory))
            async with shared.lock:
                if self.factory not in made:
                    made[self.factory] = await open_value(stack, self.factory(**values))
        return made[self.factory]

    def __repr__(self) -> str:
        return f"Shared({self.factory.__name__})"


class SharedContext:
    """Inside, each factory of ``Shared`` makes one value, which is closed at the end.

    A worker is inside of one while it is entered.
    """

    current: ClassVar[ContextVar[SharedContext]] = ContextVar("shared_context")

    def __init__(self) -> None:
        self.made: dict[DependencyFunction, Any] = {}
        self._stack: AsyncExitStack | None = None
        self._token: Token[SharedContext] | None = None

    @cached_property
    def lock(self) -> asyncio.Lock:
        """One factory at a time; made, as the stack is, for the few workers that share values."""
        return asyncio.Lock()

    @property
    def stack(self) -> AsyncExitStack:
        """What closes the values."""
        self._stack = self._stack or AsyncExitStack()
        return self._stack

    async def __aenter__(self) -> Self:
        self._token = self.current.set(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        frames: TracebackType | None,
    ) -> None:
        try:
            if self._stack is not None:
                await self._stack.__aexit__(kind, error, frames)
        finally:
            if self._token is not None:
                with suppress(ValueError):  # left in another task than it was entered in
                    self.current.reset(self._token)


async def _enter(stack: AsyncExitStack, parameters: dict[str, Any]) -> dict[str, Any]:
    """The values of these parameters: dependencies are entered, all else is as it is."""
    return {
        name: await stack.enter_async_context(value.for_parameter(name))
        if isinstance(value, Dependency)
        else value
        for name, value in parameters.items()
    }


def _identity(value: Any, name: str) -> Hashable:
    if isinstance(value, Argument):
        return value.identity(name)
    if isinstance(value, Made):
        return value.identity()
    try:
        hash(value)
    except TypeError:
        return id(value)
    # 1, 1.0 and True are equal, and a factory may tell them apart.
    return type(value), id(value) if isinstance(value, Dependency) else value


@overload
def Depends(factory: Callable[..., AbstractAsyncContextManager[T]], **bindings: Any) -> T: ...
@overload
def Depends(factory: Callable[..., AbstractContextManager[T]], **bindings: Any) -> T: ...
@overload
def Depends(factory: Callable[..., Awaitable[T]], **bindings: Any) -> T: ...
@overload
def Depends(factory: Callable[..., T], **bindings: Any) -> T: ...
def Depends(factory: Callable[..., Any], **bindings: Any) -> Any:
    """The value that ``factory`` makes, once for each execution of the task.

    A sync or async function, or one that returns a context manager, which is entered before
    the task and left after it. Its parameters may be dependencies in turn; ``bindings`` take
    the place of those, and make a value of its own.

        async def report(session: Session = Depends(open_session)) -> None: ...
    """
    return cast("Any", Made(factory, bindings))


@overload
def Shared(factory: Callable[..., AbstractAsyncContextManager[T]]) -> T: ...
@overload
def Shared(factory: Callable[..., AbstractContextManager[T]]) -> T: ...
@overload
def Shared(factory: Callable[..., Awaitable[T]]) -> T: ...
@overload
def Shared(factory: Callable[..., T]) -> T: ...
def Shared(factory: Callable[..., Any]) -> Any:
    """The value that ``factory`` makes, once while a worker is entered, for all its tasks.

    It is closed when the worker is left. A factory that raises is tried again for the next
    task. Its parameters may be dependencies in turn.
    """
    return cast("Any", SharedMade(factory))
