"""What a job's function may take and return, and what its row may say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

__all__ = ["JobContext", "JobStatus", "Snooze"]


class JobStatus(StrEnum):
    """The statuses of a live row. A dead letter's is ``"dead_letter"``, as in soniq 0.1."""

    QUEUED = "queued"
    PROCESSING = "processing"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class JobContext:
    """The running job, for a function with a parameter of this type.

    ``attempt`` counts from 1. ``scheduled_at`` is None for a job that was to run at once.

        @app.job()
        async def resize(picture: str, ctx: JobContext):
            print(ctx.attempt, "of", ctx.max_attempts)
    """

    job_id: str
    job_name: str
    attempt: int
    max_attempts: int
    queue: str
    worker_id: str = ""
    scheduled_at: datetime | None = None
    created_at: datetime | None = None


@dataclass(frozen=True)
class Snooze:
    """Return it from a job to run again in so many seconds, without using up an attempt.

    The setting ``snooze_max_seconds`` is the longest there is.
    """

    seconds: float
    reason: str | None = None
