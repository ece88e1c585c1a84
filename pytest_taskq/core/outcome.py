"""What one attempt reported. Adding an outcome touches one ``match`` in ``transitions``."""

from __future__ import annotations

from typing import NamedTuple

from pytest_taskq.core.job import Failure, Hold

__all__ = ["Again", "Cancelled", "Failed", "Outcome", "Snoozed", "Succeeded"]


class Again(NamedTuple):
    """The decision to try once more at ``at``, perhaps elsewhere: None leaves a field as it is."""

    at: int
    priority: int | None = None
    rank: int | None = None
    queue: str | None = None
    holds: tuple[Hold, ...] | None = None


class Succeeded(NamedTuple):
    """The task returned. ``result`` is its encoded value, None for a task that returned None."""

    result: str | None = None


class Failed(NamedTuple):
    """The task raised. With ``again`` the job is retried, without it the job is dead."""

    failure: Failure
    again: Again | None = None


class Snoozed(NamedTuple):
    """The task asked to run later; None leaves a field as it is.

    The attempt is given back, unless it ``counts``.
    """

    until: int
    reason: str | None = None
    rank: int | None = None
    holds: tuple[Hold, ...] | None = None
    counts: bool = False


class Cancelled(NamedTuple):
    """The attempt ended because the job was cancelled, or it asked to be dropped."""

    reason: str | None = None


Outcome = Succeeded | Failed | Snoozed | Cancelled
