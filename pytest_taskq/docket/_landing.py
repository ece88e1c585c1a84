"""How executions come onto a docket: as jobs of the engine, each holding its key until it ends."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pytest_taskq.core.errors import StoreUnavailable
from pytest_taskq.core.job import Job, State
from pytest_taskq.docket._board import board_of
from pytest_taskq.docket._states import LIVE, Disposition, ExecutionState

if TYPE_CHECKING:
    from pytest_taskq.docket.docket import Docket
    from pytest_taskq.docket.execution import Execution

__all__ = ["is_struck", "land", "land_in_chunks"]


async def land(docket: Docket, executions: Sequence[Execution], *, replace: bool) -> None:
    """Schedule executions; each says in its ``disposition`` what became of it."""
    allowed = [one for one in executions if not is_struck(docket, one)]
    if replace:
        for execution in allowed:
            await _replace(docket, execution)
        return
    jobs = [_job(docket, execution) for execution in allowed]
    answers = await docket.queue.enqueue_each(jobs) if jobs else []
    for execution, job, answer in zip(allowed, jobs, answers, strict=True):
        _note(execution, job, answer if isinstance(answer, Job) else None)


async def land_in_chunks(
    docket: Docket, executions: Sequence[Execution], size: int | None, *, replace: bool
) -> None:
    """The same, so many at a time; a store that fails fails a chunk, and the next is tried."""
    step = size or max(len(executions), 1)
    for at in range(0, len(executions), step):
        chunk = executions[at : at + step]
        try:
            await land(docket, chunk, replace=replace)
        except StoreUnavailable as error:
            for execution in chunk:
                execution.disposition = Disposition.FAILED
                execution.schedule_exception = error


async def _replace(docket: Docket, execution: Execution) -> None:
    """Cancel what waits under the key, and stand beside what runs under it."""
    queue, board = docket.queue, board_of(docket.queue)
    job = _job(docket, execution)
    while True:
        running = 0
        for live in await docket.jobs_under(execution.key, LIVE):
            if live.state is State.RUNNING:
                running += 1
            else:
                board.replaced.add(live.id)
                await queue.cancel(live.id)
        # Those that still run keep the key; there is room for one more beside them.
        key, *limits = job.holds
        holds = (key._replace(limit=running + 1), *limits)
        (answer,) = await queue.enqueue_each((job._replace(holds=holds),))
        if isinstance(answer, Job):
            _note(execution, job, answer)
            return


def is_struck(docket: Docket, execution: Execution) -> bool:
    """Whether it is not to be scheduled, which it then says itself."""
    if not docket.strike_list.is_stricken(execution):
        return False
    logging.getLogger("docket.docket").warning(
        "%r is stricken, so %r is not scheduled", execution.function_name, execution.key
    )
    execution.disposition = Disposition.STRUCK
    return True


def _job(docket: Docket, execution: Execution) -> Job:
    due_at = docket.instant(execution.when)
    return docket.new_job(
        execution.function_name, execution.args, execution.kwargs, due_at, execution.key
    )


def _note(execution: Execution, job: Job, stored: Job | None) -> None:
    if stored is None:
        execution.disposition = Disposition.ALREADY_SCHEDULED
        return
    execution.disposition = Disposition.SCHEDULED
    execution.landed(stored)
    if job.due_at <= job.created_at:
        execution.state = ExecutionState.QUEUED
