"""An execution in somebody's hand without a worker's run: claimed and ended by its own verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_taskq.core.job import FINAL, Failure, Job, State
from pytest_taskq.core.outcome import Cancelled, Failed, Outcome, Succeeded
from pytest_taskq.docket._board import board_of
from pytest_taskq.docket._landing import land
from pytest_taskq.docket._progress import begin_progress, end_progress
from pytest_taskq.docket._states import ExecutionState
from pytest_taskq.engine.leases import Ended

if TYPE_CHECKING:
    from pytest_taskq.docket.execution import Execution

__all__ = ["claim_execution", "end_execution"]


async def claim_execution(execution: Execution, worker: str) -> bool:
    """See ``Execution.claim``. One that was never scheduled is, at once."""
    docket = execution.docket
    if await execution.is_superseded():
        return False
    job = await docket.last_job(execution.key)
    if job is None or (job.state in FINAL and job.id != execution.generation):
        await land(docket, (execution,), replace=False)
        job = await docket.last_job(execution.key)
    if job is None or job.state is not State.QUEUED:
        return False
    now = max(docket.queue.clock.now(), job.due_at)
    (claimed,) = await docket.queue.leases.claim(
        worker, 1, now=now, only=lambda ready: ready.id == job.id
    ) or (None,)
    if claimed is None:
        return False
    execution.take(claimed)
    begin_progress(board_of(docket.queue).progress, execution)
    await execution.progress.sync()
    return True


async def end_execution(
    execution: Execution, state: ExecutionState, error: str | None = None
) -> None:
    """See ``Execution.mark_as_completed`` and its like. One that has ended stays as it is."""
    docket = execution.docket
    job = await docket.last_job(execution.key)
    if job is None or job.state is State.QUEUED:
        await execution.claim(execution.worker or "nobody")
        job = await docket.last_job(execution.key)
    if job is not None and job.state is State.RUNNING:
        await docket.queue.leases.finish([Ended(job, _outcome(state, error))])
        ended: Job | None = await docket.queue.get(job.id)
        if ended is not None:
            execution.take(ended)
    end_progress(board_of(docket.queue).progress, execution)
    execution.state = state


def _outcome(state: ExecutionState, error: str | None) -> Outcome:
    if state is ExecutionState.COMPLETED:
        return Succeeded()
    if state is ExecutionState.CANCELLED:
        return Cancelled()
    return Failed(Failure("", error or "", ""))
