"""Dependencies that have a say in how an execution goes: its admission, its run and its end."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_taskq.docket._dependency import Dependency

if TYPE_CHECKING:
    from pytest_taskq.docket.execution import Execution

__all__ = [
    "AdmissionBlocked",
    "CompletionHandler",
    "FailureHandler",
    "Runtime",
    "TaskOutcome",
    "format_duration",
]

T_co = TypeVar("T_co", covariant=True)
LONG = 100


@dataclass
class TaskOutcome:
    """How the body of a task ended: what it returned, or what it raised."""

    duration: timedelta
    result: Any = None
    exception: BaseException | None = None


class AdmissionBlocked(Exception):
    """A dependency does not let its task start now.

    The execution is tried again after ``retry_delay``, by default a tenth of a second; with
    ``reschedule=False`` it ends cancelled. ``handled``: the dependency has itself arranged for
    what is to come, so the task just does not run.
    """

    def __init__(
        self,
        execution: Execution,
        reason: str = "admission control",
        *,
        handled: bool = False,
        reschedule: bool = True,
        retry_delay: timedelta | None = None,
    ) -> None:
        super().__init__(f"{execution.call_repr()} may not start now: {reason}")
        self.execution = execution
        self.reason = reason
        self.handled = handled
        self.reschedule = reschedule
        self.retry_delay = retry_delay


class Runtime(Dependency[T_co]):
    """Calls the body of a task in place of the worker."""

    single = True

    @abstractmethod
    async def run(
        self,
        execution: Execution,
        function: Callable[..., Awaitable[Any]],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Call ``function``, and return what it returns."""


class FailureHandler(Dependency[T_co]):
    """Is asked when a task has raised."""

    single = True

    @abstractmethod
    async def handle_failure(self, execution: Execution, outcome: TaskOutcome) -> bool:
        """Whether this took care of the failure, so that the execution has not failed."""


class CompletionHandler(Dependency[T_co]):
    """Is told when a task has ended for good: it returned, or nobody retries it."""

    single = True

    @abstractmethod
    async def on_complete(self, execution: Execution, outcome: TaskOutcome) -> bool:
        """Whether this took care of the end, for instance by scheduling what comes next."""


def format_duration(seconds: float) -> str:
    """A length of time in log lines: milliseconds below 100 seconds, then seconds."""
    return f"{seconds * 1000:6.0f}ms" if seconds < LONG else f"{seconds:6.0f}s "
