"""Jobs of the engine as the rows that Soniq expects of its backends, and back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import Failure, Hold, Job, State
from pytest_taskq.core.payload import decode_call, decode_value, encode_call, encode_result
from pytest_taskq.engine.execute import TimeLimitExceeded

__all__ = [
    "AT_ONCE",
    "NOBODY",
    "STATES",
    "STATUS",
    "Note",
    "beside_twins",
    "error_of",
    "failure_of",
    "labels_of",
    "payload_of",
    "reason_of",
    "result_of",
    "row_of",
    "shown_row_of",
    "stored_args",
]

AT_ONCE = 0
"""The rank of a job without a time of its own: it runs before those that had to wait for one."""

NOBODY = "run_once"
"""Who claims a job for a worker without an id."""

STATUS = {
    State.QUEUED: "queued",
    State.RUNNING: "processing",
    State.SUCCEEDED: "done",
    State.CANCELLED: "cancelled",
    State.DEAD: "dead_letter",
}
STATES = {status: state for state, status in STATUS.items() if state is not State.DEAD}
SCALARS = frozenset({str, int, bool, type(None)})
NO_LIMIT = 1 << 30
TIMES = ("scheduled_at", "created_at", "updated_at", "expires_at")
ERROR = re.compile(r"([\w.]+): (.*?)\n(Traceback .*)", re.DOTALL)
PREFIX = re.compile(r"(Max retries exceeded|Retry policy declined): ")

UNSEEN = {"Job timed out": TimeLimitExceeded, "Corrupted argument data": ValueError}


@dataclass(slots=True)
class Note:
    """What Soniq says of a job beyond the engine's record; kept while its backend lives.

    ``spent``: attempts that count for Soniq and not for the engine.
    """

    last_error: str | None = None
    reason: str | None = None
    spent: int = 0
    expires_at: int | None = None


def payload_of(args: Any) -> str:
    """Arguments as stored: what JSON makes of them. Raises TypeError or ValueError."""
    if not isinstance(args, dict):
        return encode_call((json.loads(json.dumps(args)),), {})
    if not SCALARS.issuperset(map(type, args.values())):
        args = json.loads(json.dumps(args, allow_nan=False))
    return encode_call((), args)


def stored_args(job: Job) -> Any:
    """A fresh copy of the arguments; something else than a dict if that was given."""
    args, kwargs = decode_call(job.payload)
    return args[0] if args else kwargs


def result_of(value: Any) -> str | None:
    """A result as stored; what is no JSON becomes its text, as on Soniq's databases."""
    if value is None:
        return None
    try:
        return encode_result(json.loads(json.dumps(value, allow_nan=False, default=str)))
    except (TypeError, ValueError, RecursionError):
        return encode_result(str(value))


def failure_of(text: str) -> Failure:
    """The error of a job, that Soniq keeps as one text, in its parts."""
    found = ERROR.fullmatch(PREFIX.sub("", text, count=1))
    return Failure(*found.groups()) if found else Failure("Failed", text, "")


def error_of(failure: Failure) -> Exception:
    """What stands for an exception that Soniq has kept to itself, or never raised."""
    text = PREFIX.sub("", failure.message, count=1)
    kinds = (kind for begin, kind in UNSEEN.items() if text.startswith(begin))
    return next(kinds, RuntimeError)(text)


def reason_of(job: Job, note: Note | None) -> str:
    """Why a job is dead; guessed when another process has moved it."""
    if note is not None and note.reason is not None:
        return note.reason
    used_up = job.attempt >= job.labels.get("max_attempts", 0)
    return "max_retries_exceeded" if used_up else "permanent_failure"


def beside_twins(job: Job) -> tuple[Hold, ...]:
    """The names for a job that returns to the queue, where a twin may have taken them.

    Soniq looks at uniqueness when a job is enqueued, and never again.
    """
    return tuple([hold._replace(limit=NO_LIMIT) for hold in job.holds])


def row_of(job: Job, note: Note | None) -> dict[str, Any]:
    """The row of a live job, its times as datetimes."""
    labels, lease = job.labels, job.lease
    return {
        "id": job.key,
        "job_name": job.task,
        "args": stored_args(job),
        "args_hash": labels.get("args_hash"),
        "status": STATUS[job.state],
        "attempts": job.attempt + (note.spent if note else 0),
        "max_attempts": labels.get("max_attempts"),
        "priority": -job.priority,
        "queue": job.queue,
        "unique_job": labels.get("unique", False),
        "dedup_key": labels.get("dedup_key"),
        "scheduled_at": None if job.rank == AT_ONCE else to_datetime(job.due_at),
        "producer_id": labels.get("producer_id"),
        "expires_at": to_datetime(note.expires_at) if note and note.expires_at else None,
        "result": None if job.result is None else decode_value(job.result),
        "last_error": _last_error(job, note),
        "worker_id": None if lease is None or lease.worker == NOBODY else lease.worker,
        "created_at": to_datetime(job.created_at),
        "updated_at": _updated_at(job),
    }


def shown_row_of(job: Job, note: Note | None) -> dict[str, Any]:
    """The row of a job, of a dead letter too, as users see it: times are ISO texts."""
    row = row_of(job, note)
    if job.state is State.DEAD:
        row = {name: row[name] for name in DEAD_KEYS}
        row |= {"scheduled_at": None, "dead_letter_reason": reason_of(job, note)}
    for name in TIMES:
        if isinstance(row.get(name), datetime):
            row[name] = row[name].isoformat()
    return row


DEAD_KEYS = (
    "id", "job_name", "args", "status", "attempts", "max_attempts", "queue", "priority",
    "scheduled_at", "last_error", "result", "created_at", "updated_at",
)  # fmt: skip


def labels_of(**given: Any) -> Mapping[str, Any]:
    """The labels that are something."""
    return {name: value for name, value in given.items() if value is not None}


def _updated_at(job: Job) -> datetime:
    return to_datetime(max(job.created_at, job.started_at or 0, job.finished_at or 0))


def _last_error(job: Job, note: Note | None) -> str | None:
    if note is not None:
        return note.last_error
    failure = job.failure
    if failure is None:
        return None
    if not failure.traceback:
        return failure.message
    return f"{failure.type_name}: {failure.message}\n{failure.traceback}"
