"""What a function asks for: its signature, and the dependencies in it; read once for all calls."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from itertools import chain
from typing import Annotated, Any, NamedTuple, TypeVar, cast, get_args, get_origin, get_type_hints
from weakref import WeakKeyDictionary

from pytest_taskq.core.errors import BadOption
from pytest_taskq.docket._dependency import Dependency, Provider
from pytest_taskq.docket.annotations import Logged

__all__ = [
    "Plan",
    "get_annotation_dependencies",
    "get_dependency_parameters",
    "get_signature",
    "get_single_dependency_of_type",
    "get_single_dependency_parameter_of_type",
    "plan_of",
    "refuse_conflicts",
    "validate_dependencies",
]

D = TypeVar("D", bound=Dependency[Any])
K = TypeVar("K")
ALIAS: Any = getattr(typing, "TypeAliasType", ())


class Plan(NamedTuple):
    """``parameters`` get their values from dependencies; ``annotations`` surround the call.

    ``logged``: the parameters whose arguments may be shown. ``dependencies``: all of them.
    """

    signature: inspect.Signature
    parameters: dict[str, Dependency[Any]]
    annotations: dict[str, list[Dependency[Any]]]
    logged: dict[str, Logged]
    dependencies: tuple[Dependency[Any], ...]


_KNOWN: WeakKeyDictionary[Callable[..., Any], Plan] = WeakKeyDictionary()


def plan_of(function: Callable[..., Any]) -> Plan:
    """What this function asks for. Raises TypeError for a parameter with two values."""
    try:
        return _KNOWN[function]
    except (KeyError, TypeError):  # TypeError: a callable that cannot be a key
        pass
    signature = inspect.signature(function)
    hints = _hints(function)
    annotated: dict[str, list[Dependency[Any]]] = {
        name: _of_kind(Dependency, hint) for name, hint in hints.items()
    }
    parameters: dict[str, Dependency[Any]] = {}
    for parameter in signature.parameters.values():
        giving = [found for found in annotated.get(parameter.name, ()) if _gives_value(found)]
        if isinstance(parameter.default, Dependency):
            giving.append(parameter.default)
        if len(giving) > 1:
            raise TypeError(
                f"A parameter gets its value from one dependency. {parameter.name} of "
                f"{function.__name__} has {len(giving)}. Leave one of them out."
            )
        if giving:
            parameters[parameter.name] = giving[0]
    around = {
        name: rest
        for name, found in annotated.items()
        if (rest := [dependency for dependency in found if not _gives_value(dependency)])
    }
    logged = {name: found[0] for name, hint in hints.items() if (found := _of_kind(Logged, hint))}
    dependencies = (*parameters.values(), *chain.from_iterable(around.values()))
    plan = Plan(signature, parameters, around, logged, dependencies)
    with suppress(TypeError):
        _KNOWN[function] = plan
    return plan


def get_signature(function: Callable[..., Any]) -> inspect.Signature:
    """The signature of a function."""
    return plan_of(function).signature


def get_dependency_parameters(function: Callable[..., Any]) -> dict[str, Dependency[Any]]:
    """The parameters that dependencies give a value to."""
    return plan_of(function).parameters


def get_annotation_dependencies(
    function: Callable[..., Any],
) -> dict[str, list[Dependency[Any]]]:
    """The dependencies inside ``Annotated`` that surround the call, by parameter."""
    return plan_of(function).annotations


def validate_dependencies(function: Callable[..., Any]) -> None:
    """Raise ValueError when a function has two dependencies of a kind that there can be one of."""
    refuse_conflicts(plan_of(function).dependencies, function.__name__)


def refuse_conflicts(dependencies: Iterable[Any], owner: str) -> None:
    """Raise ValueError when two are of a kind that there can be one of."""
    kinds = [type(found) for found in dependencies if isinstance(found, Dependency)]
    if len(kinds) < 2:
        return
    # A doubled kind is named itself; two kinds of one base by the base that they share.
    doubled = (kind for kind in kinds if kind.single and kinds.count(kind) > 1)
    bases = (
        base
        for kind in kinds
        for base in kind.__mro__
        if issubclass(base, Dependency)
        and base.single
        and sum(issubclass(other, base) for other in kinds) > 1
    )
    for base in (*doubled, *bases):
        names = ", ".join(kind.__name__ for kind in kinds if issubclass(kind, base))
        raise BadOption(
            f"Only one {base.__name__} dependency is allowed, but found: {names}. They belong to "
            f"{owner}. Remove all but one, from the task or from the worker."
        )


def get_single_dependency_parameter_of_type(
    function: Callable[..., Any], dependency_type: type[D]
) -> D | None:
    """The dependency of this kind that a function asks for, if it does."""
    for found in plan_of(function).dependencies:
        if isinstance(found, dependency_type):
            return found
    return None


def get_single_dependency_of_type(
    dependencies: Mapping[str, Any], dependency_type: Callable[..., D]
) -> D | None:
    """The value of this kind among those of an execution, if there is one."""
    kind = cast("type[D]", dependency_type)  # a class, which mypy takes only if it is concrete
    found = (one for one in dependencies.values() if isinstance(one, kind))
    return next(found, None)


def _gives_value(dependency: Dependency[Any]) -> bool:
    return isinstance(dependency, Provider)


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        hints = get_type_hints(function, include_extras=True)
    except Exception:  # noqa: BLE001 - a hint that cannot be read asks for nothing
        return {}
    hints.pop("return", None)
    return hints


def _of_kind(kind: Callable[..., K], hint: Any) -> list[K]:
    """What of this kind stands in the metadata of a hint, the innermost first."""
    found: list[K] = []
    cls = cast("type[K]", kind)
    for alias in (hint, get_origin(hint)):
        if ALIAS and isinstance(alias, ALIAS):
            found += _of_kind(kind, alias.__value__)
    if get_origin(hint) is not Annotated:
        return found
    inner, *metadata = get_args(hint)
    found += _of_kind(kind, inner)
    for item in metadata:
        if isinstance(item, cls):
            found.append(item)
        elif isinstance(item, type) and issubclass(item, cls):
            found.append(item())
    return found
