"""What a task with ``pass_context=True`` gets as its first argument."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pytest_taskq.procrastinate.jobs import Job

if TYPE_CHECKING:
    from pytest_taskq.procrastinate.app import App
    from pytest_taskq.procrastinate.tasks import Task

__all__ = ["JobContext"]


@dataclass(frozen=True, kw_only=True)
class JobContext:
    """The run in which a task finds itself.

    ``start_timestamp``: seconds since the epoch, on the connector's clock.
    ``additional_context``: a copy, for this run, of the one that the worker was given.
    """

    app: App
    worker_name: str | None = None
    worker_queues: Iterable[str] | None = None
    job: Job
    start_timestamp: float
    additional_context: dict[str, Any] = field(default_factory=dict)

    @property
    def task(self) -> Task[..., Any]:
        """The task of the job."""
        return self.app.tasks[self.job.task_name]

    def evolve(self, **changes: Any) -> JobContext:
        """A copy with these fields changed."""
        return replace(self, **changes)
