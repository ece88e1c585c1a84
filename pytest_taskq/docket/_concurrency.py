"""ConcurrencyLimit: how many executions with one value of an argument may run at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from hashlib import sha256
from typing import Any, Self

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.job import Hold, State
from pytest_taskq.core.request import NAME_LIMIT
from pytest_taskq.docket._dependency import Dependency, current_docket, current_execution
from pytest_taskq.docket._handlers import AdmissionBlocked
from pytest_taskq.docket._plan import plan_of

__all__ = ["ConcurrencyBlocked", "ConcurrencyLimit", "limits_of"]

WHILE_RUNNING = frozenset({State.RUNNING})


class ConcurrencyBlocked(AdmissionBlocked):
    """As many executions run as may; this one waits for its turn."""


class ConcurrencyLimit(Dependency["ConcurrencyLimit"]):
    """Lets at most ``max_concurrent`` executions run at once that have the same value.

    ``argument_name``: of which argument; inside ``Annotated`` it is the annotated one, and
    without either all executions of the task count together. Tasks with an argument of the same
    name share the limit, unless their ``scope`` differs. The others wait in the queue.

        async def bill(customer: Annotated[int, ConcurrencyLimit(1)]) -> None: ...
    """

    single = True

    def __init__(
        self,
        argument_name: str | int | None = None,
        max_concurrent: int = 1,
        scope: str | None = None,
    ) -> None:
        # ConcurrencyLimit(2), as inside of Annotated, has no name.
        self.argument_name = None if isinstance(argument_name, int) else argument_name
        self.max_concurrent = argument_name if isinstance(argument_name, int) else max_concurrent
        self.scope = scope
        self._concurrency_key: str | None = None

    def bind_to_parameter(self, name: str, value: Any) -> Self:
        """The same, for the parameter it annotates."""
        bound = copy(self)
        bound.argument_name = self.argument_name or name
        return bound

    @property
    def concurrency_key(self) -> str:
        """The name under which executions count. Raises RuntimeError outside of a task."""
        if self._concurrency_key is None:
            raise RuntimeError(
                "ConcurrencyLimit not initialized. Its key depends on the arguments of an "
                "execution. Use it within a task."
            )
        return self._concurrency_key

    async def __aenter__(self) -> Self:
        execution, docket = current_execution.get(), current_docket.get()
        hold = self.hold(
            docket.name,
            execution.function_name,
            execution.function,
            execution.args,
            execution.kwargs,
        )
        entered = copy(self)
        entered._concurrency_key = hold.name  # noqa: SLF001 - of its own kind
        fate = execution.fate
        if fate is not None and hold.name not in {held.name for held in fate.job.holds}:
            # Not known when it was scheduled, as of a worker's own limit: it waits from now on.
            fate.holds = (*fate.job.holds, hold)
            fate.again = docket.queue.clock.now()
            raise ConcurrencyBlocked(execution, f"concurrency limit on {hold.name}", handled=True)
        return entered

    def hold(
        self,
        docket: str,
        task: str,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Hold:
        """The name that a call holds while it runs.

        Raises ValueError when the call has no such argument.
        """
        of = task
        if self.argument_name is not None:
            try:
                given = plan_of(function).signature.bind_partial(*args, **kwargs)
            except TypeError:
                given = None
            arguments = dict(kwargs) if given is None else given.arguments
            if self.argument_name not in arguments:
                raise BadOption(
                    f"ConcurrencyLimit argument '{self.argument_name}' not found in task "
                    f"arguments. Available: {list(arguments)}. Pass it, or name another one."
                )
            of = f"{self.argument_name}:{arguments[self.argument_name]}"
        return Hold(
            _short(f"{self.scope or docket}:concurrency:{of}"), WHILE_RUNNING, self.max_concurrent
        )


def limits_of(
    docket: str,
    task: str,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> list[Hold]:
    """The names that a call of this task is to hold while it runs, as far as it says them."""
    plan = plan_of(function)
    if not (plan.parameters or plan.annotations):
        return []
    limits = [one for name, one in plan.parameters.items() if name not in kwargs]
    for name, around in plan.annotations.items():
        limits += [one.bind_to_parameter(name, None) for one in around]
    holds: list[Hold] = []
    for limit in limits:
        if isinstance(limit, ConcurrencyLimit):
            try:
                holds.append(limit.hold(docket, task, function, args, kwargs))
            except BadOption:  # told when the task runs, and fails by it
                continue
    return holds


def _short(name: str) -> str:
    """A name that every store takes."""
    if len(name) <= NAME_LIMIT and name.isprintable():
        return name
    plain = name.encode("ascii", "backslashreplace")
    return f"{plain[:99].decode()}:{sha256(plain).hexdigest()}"
