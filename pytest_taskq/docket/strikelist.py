"""Strikes: tasks and arguments that are not to run until they are restored."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pytest_taskq.docket._board import Board, board_of
from pytest_taskq.docket._plan import plan_of
from pytest_taskq.docket._queues import queue_of

if TYPE_CHECKING:
    from pytest_taskq.docket.execution import Execution

__all__ = ["LiteralOperator", "Operator", "Restore", "Strike", "StrikeInstruction", "StrikeList"]

LiteralOperator = Literal["==", "!=", ">", ">=", "<", "<=", "between"]
Condition = Callable[["Execution"], bool]
Values = set[tuple["Operator", Hashable]]


class Operator(StrEnum):
    """How an argument is compared with the value of a strike."""

    EQUAL = "=="
    NOT_EQUAL = "!="
    GREATER_THAN = ">"
    GREATER_THAN_OR_EQUAL = ">="
    LESS_THAN = "<"
    LESS_THAN_OR_EQUAL = "<="
    BETWEEN = "between"


COMPARE: dict[Operator, Callable[[Any, Any], Any]] = {
    Operator.EQUAL: lambda argument, value: argument == value,
    Operator.NOT_EQUAL: lambda argument, value: argument != value,
    Operator.GREATER_THAN: lambda argument, value: argument > value,
    Operator.GREATER_THAN_OR_EQUAL: lambda argument, value: argument >= value,
    Operator.LESS_THAN: lambda argument, value: argument < value,
    Operator.LESS_THAN_OR_EQUAL: lambda argument, value: argument <= value,
    Operator.BETWEEN: lambda argument, value: _is_between(argument, *value),
}


class StrikeInstruction:
    """One order to a strike list: ``function`` or ``parameter`` None stands for any."""

    direction: ClassVar[Literal["strike", "restore"]]

    def __init__(
        self,
        function: str | None,
        parameter: str | None,
        operator: Operator | LiteralOperator,
        value: Hashable,
    ) -> None:
        self.function = function
        self.parameter = parameter
        self.operator = Operator(operator)
        self.value = value

    def call_repr(self) -> str:
        """The order as log lines show it."""
        value = repr(self.value) if self.parameter else "*"
        return f"{self.function or '*'}({self.parameter or '*'} {self.operator} {value})"


class Strike(StrikeInstruction):
    """What matches is not to run."""

    direction = "strike"


class Restore(StrikeInstruction):
    """What matches may run again; it must say the same as the strike did."""

    direction = "restore"


class StrikeList:
    """Which executions are not to run.

    With a ``url`` it follows, inside ``async with``, the strikes of the dockets of that URL and
    ``name``; without one it knows only what ``update`` tells it.
    """

    def __init__(
        self,
        url: str | None = None,
        name: str = "strikelist",
        enable_internal_instrumentation: bool = False,
        credential_provider: Any = None,
    ) -> None:
        self.url = url
        self.name = name
        self.enable_internal_instrumentation = enable_internal_instrumentation
        self.credential_provider = credential_provider
        # Of a task and a parameter, of a task alone (no parameter), of a parameter of any task.
        self.task_strikes: dict[str, dict[str, Values]] = {}
        self.parameter_strikes: dict[str, Values] = {}
        self._conditions: list[Condition] = []
        self._board: Board | None = None

    async def __aenter__(self) -> Self:
        if self._board is not None:
            raise AssertionError("StrikeList is not reentrant: it was entered already.")
        if self.url is not None:
            self.join(board_of(queue_of(self.url, self.name)))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        frames: TracebackType | None,
    ) -> None:
        self.leave()

    def join(self, board: Board) -> None:
        """Follow the strikes of a board."""
        self._board = board
        board.join(self)

    def leave(self) -> None:
        """Follow nobody any more; what was learned stays."""
        if self._board is not None:
            self._board.leave(self)
            self._board = None

    def add_condition(self, condition: Condition) -> None:
        """Strike each execution for which ``condition`` is true, in this list only."""
        self._conditions.append(condition)

    def remove_condition(self, condition: Condition) -> None:
        """Take back ``add_condition``."""
        self._conditions.remove(condition)

    async def wait_for_strikes_loaded(self) -> None:
        """Return when all strikes so far are known, which they are from the start."""

    async def send_instruction(self, instruction: StrikeInstruction) -> None:
        """Tell all lists that follow the same dockets. Raises RuntimeError when nobody is."""
        if self._board is None:
            raise RuntimeError(
                "Cannot send strike instruction: not connected to Redis, or what stands for it. "
                "Give the list a URL, and use it inside `async with`."
            )
        self._board.send(instruction)

    async def strike(
        self,
        function: str | None = None,
        parameter: str | None = None,
        operator: Operator | LiteralOperator = "==",
        value: Hashable | None = None,
    ) -> None:
        """Keep a task, or every call with such an argument, from running."""
        await self.send_instruction(Strike(function, parameter, operator, value))

    async def restore(
        self,
        function: str | None = None,
        parameter: str | None = None,
        operator: Operator | LiteralOperator = "==",
        value: Hashable | None = None,
    ) -> None:
        """Take back a strike that said the same."""
        await self.send_instruction(Restore(function, parameter, operator, value))

    def update(self, instruction: StrikeInstruction) -> None:
        """Follow an instruction; one whose value cannot be hashed is passed over with a warning."""
        operator, value = instruction.operator, instruction.value
        try:
            hash(value)
        except TypeError:
            _log().warning("Incompatible type for strike condition: %s %r", operator, value)
            return
        _log().info("%s %s", instruction.direction, instruction.call_repr())
        (self._strike if instruction.direction == "strike" else self._restore)(instruction)

    def is_stricken(self, target: Execution | Mapping[str, Any]) -> bool:
        """Whether an execution, or one with these arguments, is not to run."""
        if not (self._conditions or self.task_strikes or self.parameter_strikes):
            return False
        if isinstance(target, Mapping):
            return _matches(self.parameter_strikes, target)
        if any(condition(target) for condition in self._conditions):
            return True
        of_task = self.task_strikes.get(target.function_name)
        if of_task is not None and not of_task:
            return True
        arguments = _arguments(target)
        return _matches(self.parameter_strikes, arguments) or _matches(of_task or {}, arguments)

    def _strike(self, order: StrikeInstruction) -> None:
        strikes = self.parameter_strikes
        if order.function:
            strikes = self.task_strikes.setdefault(order.function, {})
        if order.parameter:
            strikes.setdefault(order.parameter, set()).add((order.operator, order.value))

    def _restore(self, order: StrikeInstruction) -> None:
        strikes = self.parameter_strikes
        if order.function:
            strikes = self.task_strikes.get(order.function, {})
        if order.parameter:
            values = strikes.get(order.parameter, set())
            values.discard((order.operator, order.value))
            if not values:
                strikes.pop(order.parameter, None)
        if order.function and not strikes:
            self.task_strikes.pop(order.function, None)


def _arguments(execution: Execution) -> dict[str, Any]:
    """What the task would get, defaults included; nothing where the arguments do not fit."""
    try:
        bound = plan_of(execution.function).signature.bind(*execution.args, **execution.kwargs)
    except TypeError:
        return {}
    bound.apply_defaults()
    return {**execution.kwargs, **bound.arguments}


def _matches(strikes: Mapping[str, Values], arguments: Mapping[str, Any]) -> bool:
    return any(
        _is_match(arguments[name], operator, value)
        for name in strikes
        if name in arguments
        for operator, value in strikes[name]
    )


def _is_match(argument: Any, operator: Operator, value: Any) -> bool:
    try:
        return bool(COMPARE[operator](argument, value))
    except (ValueError, TypeError):
        _log().warning(
            "Incompatible type for strike condition: %r %s %r", value, operator, argument
        )
        return False


def _is_between(argument: Any, lower: Any, upper: Any) -> Any:
    return lower <= argument <= upper


def _log() -> logging.Logger:
    # Made when it speaks: pytest looks at every logger there is, six times in each test.
    return logging.getLogger("docket.strikelist")
