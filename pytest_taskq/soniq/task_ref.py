"""A name for a job that another service owns, with what its arguments must be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pytest_taskq.soniq._registry import check_name
from pytest_taskq.soniq.settings import read_settings

__all__ = ["TaskRef", "task_ref"]


@dataclass(frozen=True, slots=True)
class TaskRef:
    """What to give to ``enqueue`` in place of a name; the name need not be registered here.

    ``args_model``: a pydantic model that the arguments must fit. ``default_queue``: the queue
    of a call that names none.
    """

    name: str
    args_model: type[Any] | None = None
    default_queue: str | None = None

    def with_default_queue(self, queue: str) -> TaskRef:
        """The same reference with another default queue."""
        return replace(self, default_queue=queue)


def task_ref(
    *,
    name: str,
    args_model: type[Any] | None = None,
    default_queue: str | None = None,
    pattern: str | None = None,
) -> TaskRef:
    """A TaskRef whose name fits the pattern; by default that of the settings.

    Raises SoniqError for a name that does not.
    """
    if pattern is None:
        pattern = read_settings({}).task_name_pattern
    return TaskRef(check_name(name, pattern), args_model, default_queue)
