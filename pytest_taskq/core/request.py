"""What a job must be before a queue takes it. Refused here, it leaves no trace anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.job import Hold, Job

__all__ = ["NAME_LIMIT", "PRIORITY_LIMIT", "JobFields", "check"]

PRIORITY_LIMIT = 2**31
NAME_LIMIT = 512
INSTANT_LIMIT = 2**62


class JobFields(TypedDict, total=False):
    """The fields of a new job that whoever enqueues it may choose."""

    queue: str
    priority: int
    rank: int | None
    key: str | None
    holds: tuple[Hold, ...]
    labels: Mapping[str, Any]


def check(job: Job) -> None:
    """Raise BadOption for what some store could not keep, or no worker could make sense of."""
    if job.priority != 0 or type(job.priority) is not int:
        _check_integer("priority", job.priority, -PRIORITY_LIMIT, PRIORITY_LIMIT - 1)
    if job.due_at is not job.created_at:  # most jobs are due when they are made
        _check_integer("due instant in microseconds", job.due_at, -INSTANT_LIMIT, INSTANT_LIMIT)
    if job.rank is not None:
        _check_integer("rank", job.rank, -INSTANT_LIMIT, INSTANT_LIMIT)
    _check_name("task", job.task)
    _check_name("queue", job.queue)
    if job.key is not None:
        _check_name("key", job.key)
    for hold in job.holds:
        _check_name("name to hold", hold.name)
        _check_integer("limit of a name", hold.limit, 1, PRIORITY_LIMIT)


def _check_integer(kind: str, value: object, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        raise BadOption(
            f"A {kind} must be an integer from {least} to {most}. It is {value!r}. "
            f"Use a number in that range."
        )


def _check_name(kind: str, name: object) -> None:
    if type(name) is not str or not 0 < len(name) <= NAME_LIMIT or not _is_plain(name):
        shown = ascii(name)
        if len(shown) > 60:
            shown = f"{type(name).__name__} of {len(str(name))}"
        raise BadOption(
            f"A {kind} must be a text of 1 to {NAME_LIMIT} characters without NUL or surrogates. "
            f"It is {shown}. Use a shorter, plain name."
        )


def _is_plain(name: str) -> bool:
    if name.isascii():
        return "\0" not in name
    return "\0" not in name and not any("\ud800" <= letter <= "\udfff" for letter in name)
