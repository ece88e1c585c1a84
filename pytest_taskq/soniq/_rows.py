"""A job as Soniq shows it: a row, a status, an id and the text of an error."""

from __future__ import annotations

import os
import platform
import sys
from functools import cache
from pathlib import Path
from typing import Any

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import Failure, Hold, Job, JobId, State
from pytest_taskq.core.payload import decode_call, decode_value
from pytest_taskq.core.request import PRIORITY_LIMIT

__all__ = [
    "AT_ONCE",
    "STATUS",
    "AttemptsExceeded",
    "InvalidArguments",
    "attempts_of",
    "beside_twins",
    "check_priority",
    "dead_reason",
    "error_text",
    "job_number",
    "last_error",
    "producer_id",
    "row_id",
    "row_of",
    "shown_args",
]

AT_ONCE = 0
"""The rank of a job without a time of its own: it runs before those that had to wait for one."""

STATUS = {
    State.QUEUED: "queued",
    State.RUNNING: "processing",
    State.SUCCEEDED: "done",
    State.DEAD: "dead_letter",
    State.CANCELLED: "cancelled",
}
ERROR_LIMIT = 8192
NO_LIMIT = 1 << 30
NOT_FOUND, INVALID = "job_not_found", "invalid_arguments"
REASONS = {"UnknownTask": NOT_FOUND, "InvalidArguments": INVALID}
PREFIXES = {
    "max_retries_exceeded": "Max retries exceeded: ",
    "permanent_failure": "Retry policy declined: ",
}
BARE = frozenset({"TimeLimitExceeded", "InvalidArguments"})
ID_PREFIX = "00000000-0000-4000-8000-"


class AttemptsExceeded(Exception):
    """A job has begun more often than it may, so its workers must have died of it."""

    text = "Max attempts exceeded (job crashed repeatedly)"

    def __init__(self) -> None:
        super().__init__(self.text)


class InvalidArguments(ValueError):
    """The stored arguments do not fit the job's model: no attempt will ever do better."""


def row_id(number: JobId) -> str:
    """The id that users see: a UUID by its form, as the library's are."""
    return f"{ID_PREFIX}{number:012x}"


def job_number(job_id: str) -> JobId:
    """The job behind a row's id; 0, which is no job's, for any other text."""
    text = str(job_id)
    try:
        return int(text.removeprefix(ID_PREFIX), 16) if text.startswith(ID_PREFIX) else 0
    except ValueError:
        return 0


def check_priority(priority: object) -> int:
    """The priority. Raises BadOption when it is none."""
    if isinstance(priority, bool) or not isinstance(priority, int):
        raise BadOption(
            f"The priority of a job is a whole number. It is {priority!r}. "
            f"Write for example 50; a lower one runs first, and the usual one is 100."
        )
    if not -PRIORITY_LIMIT < priority < PRIORITY_LIMIT:
        raise BadOption(
            f"The priority of a job is a number of 32 bits. It is {priority!r}. "
            f"Write for example 50; a lower one runs first, and the usual one is 100."
        )
    return priority


def beside_twins(job: Job) -> tuple[Hold, ...]:
    """The names for a job that returns to the queue, where a twin may have taken them.

    As in soniq 0.1 uniqueness is looked at when a job is enqueued, and never again.
    """
    return tuple([hold._replace(limit=NO_LIMIT) for hold in job.holds])


def error_text(failure: Failure) -> str:
    """An error as the library writes it: type, message and traceback, within its limit."""
    if failure.type_name in BARE:
        return failure.message[:ERROR_LIMIT]
    return f"{failure.type_name}: {failure.message}\n{failure.traceback}"[:ERROR_LIMIT]


def dead_reason(job: Job) -> str:
    """Why a job is a dead letter, in the library's words."""
    reason = REASONS.get(job.failure.type_name if job.failure else "")
    if reason is not None:
        return reason
    used_up = job.attempt >= job.labels["max_attempts"]
    return "max_retries_exceeded" if used_up else "permanent_failure"


def attempts_of(job: Job) -> int:
    """As the library counts: what cannot run at all has used up all of them at once."""
    if job.state is State.DEAD and dead_reason(job) in {NOT_FOUND, INVALID}:
        most: int = job.labels["max_attempts"]
        return max(job.attempt, most)
    return job.attempt


def last_error(job: Job) -> str | None:
    """The text of the last failure; None without one."""
    failure = job.failure
    if failure is None:
        return None
    if job.state is not State.DEAD:
        return error_text(failure)
    if (failure.type_name, failure.message) == (AttemptsExceeded.__name__, AttemptsExceeded.text):
        return failure.message
    reason = dead_reason(job)
    if reason == NOT_FOUND:
        return f"Job {job.task} not registered."
    return (PREFIXES.get(reason, "") + error_text(failure))[:ERROR_LIMIT]


def shown_args(job: Job) -> dict[str, Any]:
    """A fresh copy of the arguments."""
    return dict(decode_call(job.payload)[1])


def producer_id(configured: str) -> str:
    """Who enqueued a job: as configured, or for "auto" the host, the process and its program."""
    return _this_process() if configured == "auto" else configured


@cache
def _this_process() -> str:
    program = Path(sys.argv[0] if sys.argv else "").name or "python"
    return f"{platform.node() or 'unknown-host'}:{os.getpid()}:{program}"


def row_of(job: Job, *, result_ttl: int = 0) -> dict[str, Any]:
    """The row of a job, with the keys that soniq 0.1 has; times are ISO texts."""
    shared = {
        "id": row_id(job.id),
        "job_name": job.task,
        "args": shown_args(job),
        "status": STATUS[job.state],
        "attempts": attempts_of(job),
        "max_attempts": job.labels["max_attempts"],
        "queue": job.queue,
        "priority": -job.priority,
        "scheduled_at": _scheduled_at(job),
        "last_error": last_error(job),
        "result": None,
        "created_at": _text(job.created_at),
        "updated_at": _text(max(job.created_at, job.started_at or 0, job.finished_at or 0)),
    }
    if job.state is State.DEAD:
        return shared | {"scheduled_at": None, "dead_letter_reason": dead_reason(job)}
    done = job.state is State.SUCCEEDED and job.finished_at is not None
    return shared | {
        "result": decode_value(job.result) if job.result is not None else None,
        "args_hash": job.labels.get("args_hash"),
        "unique_job": "args_hash" in job.labels,
        "dedup_key": job.labels.get("dedup_key"),
        "producer_id": job.labels.get("producer_id"),
        "worker_id": job.lease.worker if job.lease is not None else None,
        "expires_at": _text((job.finished_at or 0) + result_ttl * 1_000_000) if done else None,
    }


def _scheduled_at(job: Job) -> str | None:
    return None if job.rank == AT_ONCE else _text(job.due_at)


def _text(instant: int) -> str:
    return to_datetime(instant).isoformat()
