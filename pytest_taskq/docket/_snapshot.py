"""What a docket holds at an instant: the records of a snapshot, and how one is taken."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import Job, State
from pytest_taskq.core.store import JobQuery
from pytest_taskq.docket._states import LIVE
from pytest_taskq.docket.execution import Execution
from pytest_taskq.engine.run import Run

if TYPE_CHECKING:
    from pytest_taskq.docket.docket import Docket

__all__ = ["DocketSnapshot", "RunningExecution", "WorkerInfo", "live_workers", "take_snapshot"]


class RunningExecution(Execution):
    """An execution that a worker has in hand."""

    worker: str
    started: datetime

    def take(self, job: Job) -> None:
        """Take over what the engine knows about the job now."""
        super().take(job)
        self.worker = job.lease.worker if job.lease else ""
        self.started = to_datetime(job.started_at or job.due_at)


class WorkerInfo(NamedTuple):
    """A worker that is running now, and the tasks it can run."""

    name: str
    last_seen: datetime
    tasks: set[str]


class DocketSnapshot(NamedTuple):
    """What a docket holds at an instant. ``future`` has what is due, then what is parked."""

    taken: datetime
    total_tasks: int
    future: list[Execution]
    running: list[RunningExecution]
    workers: list[WorkerInfo]


async def take_snapshot(docket: Docket) -> DocketSnapshot:
    """See ``Docket.snapshot``."""
    queue = docket.queue
    live = await queue.find(JobQuery(states=LIVE, sort="due"))
    future: list[Execution] = []
    running: list[RunningExecution] = []
    for job in live:
        if job.task not in docket.tasks:
            raise ValueError(
                f"The docket {docket.name!r} holds a task that it cannot show. Its name is "
                f"{job.task!r}, which is not registered. Register it first."
            )
        function = docket.tasks[job.task]
        if job.state is State.RUNNING:
            running.append(RunningExecution.of(docket, job, function))
        else:
            future.append(Execution.of(docket, job, function))
    taken = queue.clock.time()
    return DocketSnapshot(taken, len(live), future, running, live_workers(docket))


def live_workers(docket: Docket) -> list[WorkerInfo]:
    """The workers of this process that run now on the docket's queue."""
    from pytest_taskq.docket._attempt import DocketTasks

    queue = docket.queue
    now = queue.clock.time()
    found = {
        run.worker.name: set(run.worker.tasks.worker.docket.tasks)
        for run in queue.runs
        if isinstance(run, Run) and isinstance(run.worker.tasks, DocketTasks)
    }
    return [WorkerInfo(name, now, tasks) for name, tasks in sorted(found.items())]
