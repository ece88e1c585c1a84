"""Tells the jobs of a history apart: numbers begin again after its queue was emptied."""

from __future__ import annotations

from pytest_taskq.core.job import JobId
from pytest_taskq.engine.history import Event

__all__ = ["Birth", "Births"]

Birth = tuple[JobId, int]
"""A job of a history: its number, and how many jobs have had that until then."""


class Births:
    """Which job each event belongs to. The events are given in their order, from the first on."""

    def __init__(self) -> None:
        self._last: dict[JobId, int] = {}

    def of(self, event: Event) -> Birth:
        """The job of this event; an "enqueue" begins a new one."""
        job_id = event.job.id
        if event.verb == "enqueue":
            self._last[job_id] = self._last.get(job_id, 0) + 1
        return self.latest(job_id)

    def latest(self, job_id: JobId) -> Birth:
        """The job that has had this number last: the one that may be in the store."""
        return job_id, self._last.get(job_id, 1)
