"""What a dependency is, and what surrounds the task that asks for one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

if TYPE_CHECKING:
    from pytest_taskq.docket.docket import Docket
    from pytest_taskq.docket.execution import Execution
    from pytest_taskq.docket.worker import Worker

__all__ = ["Dependency", "Provider", "current_docket", "current_execution", "current_worker"]

T_co = TypeVar("T_co", covariant=True)

current_docket: ContextVar[Docket] = ContextVar("docket")
"""The docket whose worker runs this code."""

current_worker: ContextVar[Worker] = ContextVar("worker")
"""The worker that runs this code."""

current_execution: ContextVar[Execution] = ContextVar("execution")
"""The execution that this code is the task of."""


class Dependency(ABC, Generic[T_co]):
    """The default of a task's parameter that a worker replaces by a value for each execution.

    Called directly, a task gets the default itself, or what its caller gives for it. Inside
    ``Annotated`` it is entered around the task, and the parameter keeps the caller's value.
    """

    single: ClassVar[bool] = False
    """Whether a task may have one of this kind only."""

    docket: ClassVar[ContextVar[Docket]] = current_docket
    worker: ClassVar[ContextVar[Worker]] = current_worker
    execution: ClassVar[ContextVar[Execution]] = current_execution

    def bind_to_parameter(self, name: str, value: Any) -> Dependency[T_co]:
        """The dependency to enter for this value of the parameter it annotates."""
        return self

    def for_parameter(self, name: str) -> Dependency[T_co]:
        """The dependency to enter for the parameter it is the default of."""
        return self

    @abstractmethod
    async def __aenter__(self) -> T_co: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        frames: TracebackType | None,
        /,
    ) -> bool | None:
        return None


class Provider(Dependency[T_co]):
    """A dependency that gives the parameter its value inside ``Annotated`` too."""
