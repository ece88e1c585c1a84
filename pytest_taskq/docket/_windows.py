"""Cooldown, Debounce and RateLimit: how often a task may start, or one with an argument."""

from __future__ import annotations

from abc import abstractmethod
from copy import copy
from datetime import timedelta
from types import TracebackType
from typing import Any, NoReturn, Self

from pytest_taskq.core.instants import to_micros
from pytest_taskq.core.windows import (
    NOTHING,
    Admission,
    Window,
    cool_down,
    give_back,
    limit_rate,
    settle,
)
from pytest_taskq.docket._board import board_of
from pytest_taskq.docket._dependency import Dependency, current_docket, current_execution
from pytest_taskq.docket._handlers import AdmissionBlocked
from pytest_taskq.docket._scope import SCOPE

__all__ = ["Cooldown", "Debounce", "RateLimit"]


class _Windowed(Dependency[Any]):
    """Asks the window of its name whether the task may start.

    The name is that of the task, or inside ``Annotated`` that of the parameter and its value,
    and belongs to the docket, or to the ``scope``.
    """

    kind: str

    def __init__(self, scope: str | None) -> None:
        self.scope = scope
        self._of: str | None = None

    def bind_to_parameter(self, name: str, value: Any) -> Self:
        """The same, for this value of the parameter it annotates."""
        bound = copy(self)
        bound._of = f"{name}:{value}"  # noqa: SLF001 - of its own kind
        return bound

    async def __aenter__(self) -> Self:
        execution, docket = current_execution.get(), current_docket.get()
        of = self._of or execution.function_name
        name = f"{self.scope or docket.name}:{self.kind}:{of}"
        windows, now = board_of(docket.queue).windows, docket.queue.clock.now()
        windows[name], admission = self._ask(windows.get(name, NOTHING), now, execution.key)
        if not admission.admitted:
            self._refuse(admission, now, name)
        return self._admitted(name, now)

    @abstractmethod
    def _ask(self, window: Window, now: int, key: str) -> tuple[Window, Admission]: ...

    def _admitted(self, name: str, now: int) -> Self:
        return self

    def _refuse(self, admission: Admission, now: int, name: str) -> NoReturn:
        later = None if admission.at is None else timedelta(microseconds=admission.at - now)
        raise AdmissionBlocked(
            current_execution.get(),
            f"{self.kind} on {name}",
            reschedule=later is not None,
            retry_delay=later,
        )


class Cooldown(_Windowed):
    """Lets one task start, and cancels those that would start within ``window`` after it.

    async def refresh(account: Annotated[int, Cooldown(timedelta(minutes=5))]) -> None: ...
    """

    kind = "cooldown"

    def __init__(self, window: timedelta, *, scope: str | None = None) -> None:
        super().__init__(scope)
        self.window = window

    def _ask(self, window: Window, now: int, key: str) -> tuple[Window, Admission]:
        return cool_down(window, now, to_micros(self.window))


class Debounce(_Windowed):
    """Lets the first of many start, with its own arguments, when none came for ``settle``.

    The others are cancelled.
    """

    single = True
    kind = "debounce"

    def __init__(self, settle: timedelta, *, scope: str | None = None) -> None:
        super().__init__(scope)
        self.settle = settle

    def _ask(self, window: Window, now: int, key: str) -> tuple[Window, Admission]:
        return settle(window, now, to_micros(self.settle), key)


class RateLimit(_Windowed):
    """Lets ``limit`` tasks start within any ``per``; those that are too many wait for room.

    With ``drop`` they are cancelled.
    """

    kind = "ratelimit"

    def __init__(
        self, limit: int, *, per: timedelta, drop: bool = False, scope: str | None = None
    ) -> None:
        super().__init__(scope)
        self.limit = limit
        self.per = per
        self.drop = drop

    def _ask(self, window: Window, now: int, key: str) -> tuple[Window, Admission]:
        return limit_rate(window, now, self.limit, to_micros(self.per), drop=self.drop)

    def _admitted(self, name: str, now: int) -> Self:
        SCOPE.get().stack.push(_Start(name, now).leave)
        return self


class _Start:
    """A start that is given back when another dependency blocks the task after all."""

    def __init__(self, name: str, at: int) -> None:
        self._name = name
        self._at = at

    def leave(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        frames: TracebackType | None,
    ) -> None:
        """The task is over, or did not come to run."""
        if isinstance(error, AdmissionBlocked):
            windows = board_of(current_docket.get().queue).windows
            windows[self._name] = give_back(windows[self._name], self._at)
