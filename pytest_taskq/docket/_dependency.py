"""What a dependency is, and what surrounds the task that asks for one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from pytest_taskq.docket.docket import Docket
    from pytest_taskq.docket.execution import Execution
    from pytest_taskq.docket.worker import Worker

__all__ = ["Dependency", "current_docket", "current_execution", "current_worker"]

current_docket: ContextVar[Docket] = ContextVar("docket")
"""The docket whose worker runs this code."""

current_worker: ContextVar[Worker] = ContextVar("worker")
"""The worker that runs this code."""

current_execution: ContextVar[Execution] = ContextVar("execution")
"""The execution that this code is the task of."""


class Dependency(ABC):
    """The default of a task's parameter that a worker replaces by a value for each execution.

    Called directly, a task gets the default itself, or what its caller gives for it.
    """

    single: ClassVar[bool] = False
    """Whether a task may have one of this kind only."""

    @abstractmethod
    async def __aenter__(self) -> Any: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        frames: TracebackType | None,
        /,
    ) -> bool | None:
        return None
