"""The scope of one call: the arguments it was given, and what is made for it, once each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack
from contextvars import ContextVar
from typing import Any, cast

from pytest_taskq.docket._dependency import Provider
from pytest_taskq.docket._plan import plan_of

__all__ = ["SCOPE", "CallArgument", "CycleError", "Scope", "TaskArgument", "open_value"]

MISSING: Any = inspect.Parameter.empty


class CycleError(ValueError):
    """Arguments of a call refer to one another in a circle."""


class Scope:
    """What dependencies of one call share. ``given``: the caller's arguments by name.

    ``made`` keeps what the factories of ``Depends`` made.
    """

    def __init__(
        self, function: Callable[..., Any], given: Mapping[str, Any], stack: AsyncExitStack
    ) -> None:
        self.given = given
        self.stack = stack
        self.made: dict[Hashable, Any] = {}
        self._function = function
        self._resolving: list[str] = []
        self._resolved: dict[str, Any] = {}
        self._failed: dict[str, Exception] = {}

    async def argument(self, name: str, *, given_only: bool = False) -> Any:
        """What the call gets for this parameter.

        Raises LookupError when there is nothing, CycleError when the value needs itself.
        ``given_only``: neither dependencies nor defaults count.
        """
        if name in self._resolving:
            circle = " -> ".join([*self._resolving, name])
            raise CycleError(
                f"Circular argument reference in {self._function.__name__}. It goes {circle}. "
                f"Take one of the references out."
            )
        if name in self.given:
            return self.given[name]
        if not given_only:
            plan = plan_of(self._function)
            if name in plan.parameters:
                return await self._resolve(name)
            parameter = plan.signature.parameters.get(name)
            if parameter is not None and parameter.default is not MISSING:
                return parameter.default
        raise LookupError(
            f"{self._function.__name__} has no value for {name!r}. It was called with "
            f"{', '.join(self.given) or 'nothing'}. Pass the argument, or name another one."
        )

    async def _resolve(self, name: str) -> Any:
        if name in self._failed:
            raise self._failed[name]
        if name not in self._resolved:
            dependency = plan_of(self._function).parameters[name].for_parameter(name)
            self._resolving.append(name)
            try:
                self._resolved[name] = await self.stack.enter_async_context(dependency)
            except Exception as error:
                self._failed[name] = error
                raise
            finally:
                self._resolving.pop()
        return self._resolved[name]


SCOPE: ContextVar[Scope] = ContextVar("scope")
"""The scope of the call whose dependencies are being made."""


async def open_value(stack: AsyncExitStack, value: Any) -> Any:
    """What a factory gave: awaited, or entered until the stack is closed."""
    if isinstance(value, AbstractAsyncContextManager):
        return await stack.enter_async_context(value)
    if isinstance(value, AbstractContextManager):
        return stack.enter_context(value)
    return await value if inspect.isawaitable(value) else value


class Argument(Provider[Any]):
    """What ``CallArgument`` and ``TaskArgument`` put in the place of a value."""

    def __init__(self, parameter: str | None, optional: bool, default: Any = MISSING) -> None:
        self.parameter = parameter
        self.optional = optional
        self.default = default

    def for_parameter(self, name: str) -> Argument:
        """The same, of the parameter it is the default of if none was named."""
        if self.parameter is not None:
            return self
        return type(self)(name, self.optional, self.default)

    def identity(self, name: str) -> Hashable:
        """Equal for two that give one value to the parameter of this name."""
        return type(self), self.parameter or name, self.optional

    async def __aenter__(self) -> Any:
        if self.parameter is None:
            raise ValueError("No parameter name specified: there is none to take it from here.")
        try:
            return await self._look_up(self.parameter)
        except LookupError:
            if self.optional:
                return None
            if self.default is not MISSING:
                return self.default
            raise

    async def _look_up(self, parameter: str) -> Any:
        return await SCOPE.get().argument(parameter)


class GivenArgument(Argument):
    """An argument of the caller's only."""

    async def _look_up(self, parameter: str) -> Any:
        try:
            return await SCOPE.get().argument(parameter, given_only=True)
        except LookupError:
            raise KeyError(parameter) from None


def CallArgument(
    parameter: str | None = None, optional: bool = False, *, default: Any = MISSING
) -> Any:
    """What the task gets for ``parameter``, from its caller, a dependency or its default.

    Without a name it is that of the parameter this is the default of. Where the task gets
    nothing: None with ``optional``, else ``default``, else LookupError. References in a circle
    raise CycleError.
    """
    if optional and default is not MISSING:
        raise TypeError("CallArgument takes `optional` or `default`, and not both.")
    return cast("Any", Argument(parameter, optional, default))


def TaskArgument(parameter: str | None = None, optional: bool = False) -> Any:
    """What the caller of the task gave for ``parameter``.

    Without a name it is that of the parameter this is the default of. Where the caller gave
    nothing: None with ``optional``, else KeyError.
    """
    return cast("Any", GivenArgument(parameter, optional))
