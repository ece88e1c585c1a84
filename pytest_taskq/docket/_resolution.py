"""Gives an execution its dependencies, and closes them after it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_taskq.core.errors import BadOption
from pytest_taskq.docket._dependency import (
    Dependency,
    current_docket,
    current_execution,
    current_worker,
)
from pytest_taskq.docket._plan import Plan, plan_of, refuse_conflicts
from pytest_taskq.docket._scope import SCOPE, Scope

if TYPE_CHECKING:
    from pytest_taskq.docket.execution import Execution
    from pytest_taskq.docket.worker import Worker

__all__ = [
    "OF_WORKER",
    "FailedDependency",
    "resolved_dependencies",
    "worker_dependencies",
]

OF_WORKER = "__worker_dep__"
"""What the names of a worker's own dependencies begin with among those of an execution."""


OURS = "__worker_dep_"
"""What the names begin with of those that were given without one."""


class FailedDependency(NamedTuple):
    """Stands for a dependency that raised."""

    parameter: str
    error: Exception


@asynccontextmanager
async def resolved_dependencies(
    worker: Worker, execution: Execution
) -> AsyncIterator[dict[str, Any]]:
    """The dependencies of an execution by parameter, entered while the block runs.

    First come those of the worker, then those of parameters, then those inside ``Annotated``.
    One that raises is in its place as a ``FailedDependency``. What the caller of the task gave
    is not resolved: an argument in the place of a dependency takes it.
    """
    tokens: Any = (
        (current_docket, current_docket.set(worker.docket)),
        (current_worker, current_worker.set(worker)),
        (current_execution, current_execution.set(execution)),
    )
    try:
        async with AsyncExitStack() as stack:
            plan = plan_of(execution.function)
            scope = Scope(execution.function, _given(plan, execution), stack)
            token = SCOPE.set(scope)
            try:
                yield await _resolve(worker, execution, plan, scope)
            finally:
                SCOPE.reset(token)
    finally:
        for variable, token in tokens:
            variable.reset(token)


def worker_dependencies(
    given: Mapping[str, Any] | Sequence[Any] | None,
) -> dict[str, Dependency[Any]]:
    """The dependencies of a worker by name, as they may be given to it.

    Raises TypeError for what is no dependency, ValueError for a name that is ours.
    """
    if not given:
        return {}
    if not isinstance(given, Mapping):
        given = {f"{OURS}{number}__": one for number, one in enumerate(given)}
    checked: dict[str, Dependency[Any]] = {}
    for name, dependency in given.items():
        if name.startswith("__") and not name.startswith(OURS):
            raise BadOption(
                f"The name of a worker's dependency must not begin with '__': those are reserved. "
                f"It is {name!r}. Choose another one."
            )
        if not isinstance(dependency, Dependency):
            raise TypeError(
                f"What a worker depends on must be a Dependency instance. The one at {name!r} is "
                f"a {type(dependency).__name__}. Wrap a function in Depends(...)."
            )
        checked[name] = dependency
    return checked


def _given(plan: Plan, execution: Execution) -> dict[str, Any]:
    """The caller's arguments by name; where they do not fit, calling the task says so later."""
    try:
        return dict(plan.signature.bind(*execution.args, **execution.kwargs).arguments)
    except TypeError:
        return dict(execution.kwargs)


async def _resolve(
    worker: Worker, execution: Execution, plan: Plan, scope: Scope
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, dependency in worker.dependencies.items():
        try:
            value = await scope.stack.enter_async_context(dependency)
        except Exception as error:  # noqa: BLE001 - the task fails with all of them
            value = FailedDependency(name, error)
        values[f"{OF_WORKER}{name}"] = value
    for name in plan.parameters:
        if name in execution.kwargs:
            values[name] = execution.kwargs[name]
        elif name not in scope.given:
            values[name] = await _value(execution, plan, scope, name)
    for name, around in plan.annotations.items():
        for dependency in around:
            bound = dependency.bind_to_parameter(name, scope.given.get(name, values.get(name)))
            try:
                await scope.stack.enter_async_context(bound)
            except Exception as error:  # noqa: BLE001 - as above
                values[name] = FailedDependency(name, error)
    try:
        found = [*values.values(), *(one for some in plan.annotations.values() for one in some)]
        refuse_conflicts(found, execution.function_name)
    except BadOption as error:
        values["__conflict__"] = FailedDependency("__conflict__", error)
    return values


async def _value(execution: Execution, plan: Plan, scope: Scope, name: str) -> Any:
    # The task itself has no argument of that name other than this parameter.
    dependency = plan.parameters[name]
    try:
        if getattr(dependency, "parameter", name) is None:
            return await scope.stack.enter_async_context(dependency)
        return await scope.argument(name)
    except Exception as error:  # noqa: BLE001 - the task fails with all of them
        return FailedDependency(name, error)
