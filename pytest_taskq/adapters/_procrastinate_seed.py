"""Puts rows of Procrastinate's table of jobs into a queue, as a test may wish to begin with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pytest_taskq.adapters._procrastinate_rows import SCHEDULED, STATUSES, row_of, with_status
from pytest_taskq.core.errors import BadOption, NameHeld
from pytest_taskq.core.instants import Instant, to_instant
from pytest_taskq.core.job import NO_LABELS, Job, JobId, Lease, State
from pytest_taskq.core.payload import encode_call
from pytest_taskq.core.store import Change, Refusal
from pytest_taskq.engine.locks import holds_of
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.rows import NotThere

__all__ = ["place", "seed"]

STATES = {**{status: state for state, status in STATUSES.items()}, "aborted": State.CANCELLED}
NEVER = 2**62


async def seed(queue: Queue, rows: Mapping[JobId, Mapping[str, Any]]) -> None:
    """Make these the jobs of the queue; a column that a row has not is as for a new job."""
    now = queue.clock.now()
    records = {job_id: _record(row, now) for job_id, row in rows.items()}
    await queue.clear()
    gap = Job(task="gap", payload=encode_call((), {}), due_at=NEVER, created_at=now)
    for job_id in range(1, max(rows, default=0) + 1):
        stored = await queue.store.put([Change(records.get(job_id, gap), None)])
        if job_id not in rows:
            await queue.store.delete([each for each in stored if isinstance(each, Job)])


async def place(queue: Queue, job_id: JobId, **columns: Any) -> None:
    """Give columns of a job these values, whatever they were.

    Raises NotThere where there is no such job, NameHeld where another waits with its queueing
    lock, BadOption for a column or a status that there is not.
    """
    before = await queue.get(job_id)
    if before is None:
        raise NotThere(f"There is no job {job_id} to be changed. Defer it first.")
    row = row_of(before, None)
    for column in columns:
        if column not in row:
            raise BadOption(
                f"The jobs of Procrastinate have no such column. {column!r} was to be set. "
                f"Use one of {', '.join(row)}."
            )
    after = _record({**row, **columns}, queue.clock.now())._replace(
        id=before.id, version=before.version + 1, created_at=before.created_at
    )
    if "scheduled_at" not in columns:
        after = after._replace(due_at=before.due_at)
    (answer,) = await queue.store.put([Change(after, before)])
    if isinstance(answer, Refusal) and answer.name is not None:
        raise NameHeld(answer.name, answer.holder)
    queue.tell(None)


def _record(row: Mapping[str, Any], now: Instant) -> Job:
    status, at = row.get("status", "todo"), row.get("scheduled_at")
    state = STATES.get(status)
    if state is None:
        raise BadOption(
            f"A job of Procrastinate has no such status. It is to have {status!r}. "
            f"Use one of {', '.join(STATES)}."
        )
    running = state is State.RUNNING
    record = Job(
        task=row.get("task_name", "task"),
        payload=encode_call((), row.get("args", {})),
        due_at=now if at is None else to_instant(at),
        queue=row.get("queue_name", "default"),
        priority=row.get("priority", 0),
        rank=0,
        holds=holds_of(row.get("lock"), row.get("queueing_lock")),
        labels={SCHEDULED: True} if isinstance(at, datetime) else NO_LABELS,
        attempt=row.get("attempts", 0) + running,
        lease=Lease(str(row.get("worker_id")), 0, NEVER) if running else None,
        cancel_requested=row.get("abort_requested", False),
        created_at=now,
        started_at=now if running else None,
        finished_at=None if state in {State.QUEUED, State.RUNNING} else now,
    )
    return with_status(record, state, status)
