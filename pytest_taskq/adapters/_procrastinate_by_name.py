"""Defers jobs by the names of their tasks: a convenience that Procrastinate has not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import Parameter, signature
from typing import Any

__all__ = ["ByName", "bound"]


class ByName:
    """Two methods for an app that is under test."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def defer(
        self, name: str, args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> int:
        """Defer a job of the task of this name, and return its id.

        Raises TaskNotFound, and TypeError for arguments that the task would not take.
        """
        job_id: int = self._deferrer(name, args, kwargs or {}).defer()
        return job_id

    async def defer_async(
        self, name: str, args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> int:
        """See ``defer``."""
        job_id: int = await self._deferrer(name, args, kwargs or {}).defer_async()
        return job_id

    def _deferrer(self, name: str, args: Iterable[Any], kwargs: Mapping[str, Any]) -> Any:
        self._app.configure_task(name, allow_unknown=False)
        task = self._app.tasks[name]
        return task.configure(task_kwargs=bound(task, tuple(args), kwargs))


def bound(task: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments by name. Raises TypeError when the function would not take them so."""
    taken = signature(task.func)
    parameters = list(taken.parameters.values())[task.pass_context :]
    try:
        bound = taken.replace(parameters=parameters).bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(
            f"{task.name} cannot be deferred with these arguments. They are {args!r} and "
            f"{dict(kwargs)!r}: {error}. Give it the arguments that it takes."
        ) from None
    named = dict(bound.arguments)
    for parameter in parameters:
        if parameter.kind is Parameter.VAR_KEYWORD:
            named |= named.pop(parameter.name, {})
        elif parameter.kind is Parameter.VAR_POSITIONAL and named.get(parameter.name):
            raise TypeError(
                f"{task.name} cannot be deferred with a value for {parameter}. A job carries "
                f"keyword arguments only. Give the parameter a name that a keyword can have."
            )
    return named
