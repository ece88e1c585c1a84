"""What a task with ``pass_context=True`` gets as its first argument."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from pytest_taskq.procrastinate.jobs import Job

if TYPE_CHECKING:
    from pytest_taskq.procrastinate.app import App
    from pytest_taskq.procrastinate.tasks import Task

__all__ = ["AbortReason", "JobContext"]


class AbortReason(Enum):
    """Why a job is to be aborted."""

    USER_REQUEST = "user_request"
    SHUTDOWN = "shutdown"


def _never() -> AbortReason | None:
    return None


@dataclass(frozen=True, kw_only=True)
class JobContext:
    """The run in which a task finds itself.

    ``start_timestamp``: seconds since the epoch, on the connector's clock.
    ``additional_context``: a copy, for this run, of the one that the worker was given.
    ``abort_reason()``: why the job is to be aborted; None while it is not.
    """

    app: App
    worker_name: str | None = None
    worker_queues: Iterable[str] | None = None
    job: Job
    start_timestamp: float
    additional_context: dict[str, Any] = field(default_factory=dict)
    abort_reason: Callable[[], AbortReason | None] = _never

    def should_abort(self) -> bool:
        """Whether the job is to end soon, by raising ``JobAborted``."""
        return self.abort_reason() is not None

    @property
    def task(self) -> Task[..., Any]:
        """The task of the job."""
        return self.app.tasks[self.job.task_name]

    def evolve(self, **changes: Any) -> JobContext:
        """A copy with these fields changed."""
        return replace(self, **changes)
