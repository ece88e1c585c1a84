"""Which parameters of a function are dependencies: read from its signature once, not per call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from pytest_taskq.core.errors import BadOption
from pytest_taskq.docket._dependency import Dependency

__all__ = ["Parameter", "dependencies_of", "wanted"]


class Parameter(NamedTuple):
    """A parameter whose default is a dependency; ``position`` None: it is keyword-only."""

    name: str
    position: int | None
    dependency: Dependency


_KNOWN: WeakKeyDictionary[Callable[..., Any], tuple[Parameter, ...]] = WeakKeyDictionary()


def dependencies_of(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    """The dependencies of a function, in the order of its signature.

    Raises BadOption, a ValueError as in docket 0.27, when it has two of a kind of which there
    can be one.
    """
    try:
        return _KNOWN[function]
    except (KeyError, TypeError):  # TypeError: a callable that cannot be a key
        pass
    found = tuple(
        Parameter(
            parameter.name,
            None if parameter.kind is parameter.KEYWORD_ONLY else position,
            parameter.default,
        )
        for position, parameter in enumerate(inspect.signature(function).parameters.values())
        if isinstance(parameter.default, Dependency)
    )
    _refuse_two_of_a_kind(function, found)
    with suppress(TypeError):
        _KNOWN[function] = found
    return found


def wanted(
    parameters: tuple[Parameter, ...], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Parameter, ...]:
    """The parameters that the caller gives no argument for."""
    return tuple(
        parameter
        for parameter in parameters
        if parameter.name not in kwargs
        and (parameter.position is None or parameter.position >= len(args))
    )


def _refuse_two_of_a_kind(function: Callable[..., Any], found: tuple[Parameter, ...]) -> None:
    for kind in {type(parameter.dependency) for parameter in found}:
        names = [parameter.name for parameter in found if isinstance(parameter.dependency, kind)]
        if kind.single and len(names) > 1:
            raise BadOption(
                f"A task can have one {kind.__name__} only. {function.__name__} has "
                f"{len(names)}, as {' and '.join(names)}. Remove all but one."
            )
