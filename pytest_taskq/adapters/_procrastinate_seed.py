"""Puts rows of Procrastinate's table of jobs into a queue, as a test may wish to begin with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pytest_taskq.adapters._procrastinate_changes import ENDS
from pytest_taskq.adapters._procrastinate_rows import ABORTED, SCHEDULED
from pytest_taskq.core.instants import Instant, to_instant
from pytest_taskq.core.job import Job, JobId, Lease, State
from pytest_taskq.core.payload import encode_call
from pytest_taskq.core.store import Change
from pytest_taskq.engine.locks import holds_of
from pytest_taskq.engine.queue import Queue

__all__ = ["seed"]

STATES = {"todo": State.QUEUED, "doing": State.RUNNING, "cancelled": State.CANCELLED, **ENDS}
NEVER = 2**62


async def seed(queue: Queue, rows: Mapping[JobId, Mapping[str, Any]]) -> None:
    """Make these the jobs of the queue; a column that a row has not is as for a new job."""
    await queue.clear()
    now = queue.clock.now()
    gap = Job(task="gap", payload=encode_call((), {}), due_at=NEVER, created_at=now)
    for job_id in range(1, max(rows, default=0) + 1):
        record = _record(rows[job_id], now) if job_id in rows else gap
        stored = await queue.store.put([Change(record, None)])
        if job_id not in rows:
            await queue.store.delete([each for each in stored if isinstance(each, Job)])


def _record(row: Mapping[str, Any], now: Instant) -> Job:
    status, at = row.get("status", "todo"), row.get("scheduled_at")
    state = STATES[status]
    labels = {
        label: True
        for label, wanted in ((SCHEDULED, isinstance(at, datetime)), (ABORTED, status == "aborted"))
        if wanted
    }
    running = state is State.RUNNING
    return Job(
        task=row.get("task_name", "task"),
        payload=encode_call((), row.get("args", {})),
        due_at=now if at is None else to_instant(at),
        state=state,
        queue=row.get("queue_name", "default"),
        priority=row.get("priority", 0),
        rank=0,
        holds=holds_of(row.get("lock"), row.get("queueing_lock")),
        labels=labels,
        attempt=row.get("attempts", 0) + running,
        lease=Lease(str(row.get("worker_id")), 0, NEVER) if running else None,
        cancel_requested=row.get("abort_requested", False),
        created_at=now,
        started_at=now if running else None,
        finished_at=None if state in {State.QUEUED, State.RUNNING} else now,
    )
