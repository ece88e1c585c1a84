"""What a job must be before a queue takes it. Refused here, it leaves no trace anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from typing import Any, TypedDict

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.job import Hold, Job

__all__ = ["NAME_LIMIT", "PRIORITY_LIMIT", "JobFields", "check"]

PRIORITY_LIMIT = 2**31
NAME_LIMIT = 512
INSTANT_LIMIT = 2**62
LABEL_DEPTH = 10


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
    _check_known_name("task", job.task)
    _check_known_name("queue", job.queue)
    if job.key is not None:
        _check_name("key", job.key)
    if job.labels:
        _check_labels(job.labels)
    for hold in job.holds:
        if hold.name is not job.key:
            _check_name("name to hold", hold.name)
        _check_integer("limit of a name", hold.limit, 1, PRIORITY_LIMIT)


def _check_labels(labels: Mapping[str, Any]) -> None:
    """Every store keeps them as plain JSON."""
    for name, value in labels.items():
        _check_known_name("name of a label", name)
        if not _is_json(value, LABEL_DEPTH):
            raise BadOption(
                f"A label must be plain JSON: text, a number, True, False, None, or lists and "
                f"dicts of these. The label {name!r} has a {type(value).__name__} that is not, or "
                f"has one inside. Put what the task needs into its arguments."
            )


def _is_json(value: Any, depth: int) -> bool:
    kind = type(value)
    if value is None or kind is int or kind is bool:
        return True
    if kind is str:
        return _is_plain(value)
    if kind is float:
        return isfinite(value)
    if kind is dict:
        names_too = [*value, *value.values()]
        return all(type(name) is str for name in value) and _is_json(names_too, depth)
    return kind is list and depth > 0 and all(_is_json(part, depth - 1) for part in value)


def _check_integer(kind: str, value: object, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        raise BadOption(
            f"A {kind} must be an integer from {least} to {most}. It is {value!r}. "
            f"Use a number in that range."
        )


def _check_known_name(kind: str, name: object) -> None:
    """As ``_check_name``, for names that job after job has."""
    if type(name) is not str or not _is_known(name):
        _check_name(kind, name)


def _check_name(kind: str, name: object) -> None:
    if type(name) is not str or not _is_name(name):
        shown = ascii(name)
        if len(shown) > 60:
            shown = f"{type(name).__name__} of {len(str(name))}"
        raise BadOption(
            f"A {kind} must be a text of 1 to {NAME_LIMIT} characters without NUL or surrogates. "
            f"It is {shown}. Use a shorter, plain name."
        )


def _is_name(name: str) -> bool:
    return 0 < len(name) <= NAME_LIMIT and _is_plain(name)


def _is_plain(name: str) -> bool:
    if name.isascii():
        return "\0" not in name
    return "\0" not in name and not any("\ud800" <= letter <= "\udfff" for letter in name)


_is_known = lru_cache(_is_name)
