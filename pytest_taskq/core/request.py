"""What a job must be before a queue takes it. Refused here, it leaves no trace anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.job import Hold, Job

__all__ = ["NAME_LIMIT", "PRIORITY_LIMIT", "JobFields", "check"]

PRIORITY_LIMIT = 2**31
NAME_LIMIT = 512


class JobFields(TypedDict, total=False):
    """The fields of a new job that whoever enqueues it may choose."""

    queue: str
    priority: int
    rank: int | None
    key: str | None
    holds: tuple[Hold, ...]
    labels: Mapping[str, Any]


def check(job: Job) -> None:
    """Raise BadOption for a name or a priority that some store could not keep."""
    priority = job.priority
    if type(priority) is not int or not -PRIORITY_LIMIT <= priority < PRIORITY_LIMIT:
        raise BadOption(
            f"A priority must be an integer of 32 bits. It is {priority!r}. "
            f"Use a number from {-PRIORITY_LIMIT} to {PRIORITY_LIMIT - 1}."
        )
    _check_name("task", job.task)
    _check_name("queue", job.queue)
    if job.key is not None:
        _check_name("key", job.key)
    for hold in job.holds:
        _check_name("name to hold", hold.name)


def _check_name(kind: str, name: object) -> None:
    if type(name) is not str or not 0 < len(name) <= NAME_LIMIT or "\0" in name:
        shown = repr(name) if len(repr(name)) < 60 else f"{type(name).__name__} of {len(str(name))}"
        raise BadOption(
            f"A {kind} must be a text of 1 to {NAME_LIMIT} characters without NUL. "
            f"It is {shown}. Use a shorter, plain name."
        )
