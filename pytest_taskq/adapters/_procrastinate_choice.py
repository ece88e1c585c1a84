"""Which jobs there are to be: one to defer, and those that a run may take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from pytest_taskq.core.job import Job

__all__ = ["Choice", "NewJob"]


class NewJob(NamedTuple):
    """What the statement for several jobs gets for each."""

    queue_name: str
    task_name: str
    priority: int
    lock: str | None
    queueing_lock: str | None
    args: Mapping[str, Any]
    scheduled_at: datetime | None = None


class Choice:
    """Which jobs a run may take, how many, and until when; by default all."""

    def __init__(
        self,
        *,
        only: Callable[[Job], bool] | None = None,
        attempts: int | None = None,
        ends: Callable[[], bool] | None = None,
        over: Callable[[], object] | None = None,
    ) -> None:
        self.only = only
        self.claimed = 0
        self._attempts = attempts
        self._ends = ends
        self._over = over
        self._ended = False

    def is_over(self) -> bool:
        """Whether no more may be taken."""
        return self._ended or (self._attempts is not None and self.claimed >= self._attempts)

    def note_end(self) -> None:
        """An attempt has ended, and that is recorded."""
        if self._ends is not None and self._ends():
            self._ended = True
        if self._over is not None and self.is_over():
            self._over()
