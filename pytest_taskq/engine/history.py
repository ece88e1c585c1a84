"""What happened to the jobs of a queue, in order: append-only, and never asked by a rule.

Assertions, time-outs and figures read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pytest_taskq.core.job import Job, JobId
from pytest_taskq.core.outcome import Outcome

__all__ = ["Event", "History"]


class Event(NamedTuple):
    """One change that landed, or an outcome that came too late (``verb`` "late").

    ``job`` is the record after it. ``error`` is the exception of a failed attempt, while the
    process that ran it lives.
    """

    at: int
    verb: str
    job: Job
    worker: str | None = None
    outcome: Outcome | None = None
    error: BaseException | None = None


class History:
    """The events of one queue, oldest first."""

    def __init__(self) -> None:
        self._events: list[Event] = []

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    def add(
        self,
        at: int,
        verb: str,
        job: Job,
        worker: str | None = None,
        outcome: Outcome | None = None,
        error: BaseException | None = None,
    ) -> None:
        """Append one event."""
        self._events.append(Event(at, verb, job, worker, outcome, error))

    def of(self, job_id: JobId) -> list[Event]:
        """The events of one job."""
        return [event for event in self._events if event.job.id == job_id]

    def errors(self) -> list[tuple[Job, BaseException]]:
        """Each exception that an attempt ended with, and its job afterwards."""
        return [(event.job, event.error) for event in self._events if event.error is not None]

    def caused_by(self, job_id: JobId) -> list[Job]:
        """The jobs that the task of this job enqueued."""
        enqueued = self._of_verb("enqueue")
        return [event.job for event in enqueued if event.job.parent == job_id]

    def _of_verb(self, verb: str) -> Iterable[Event]:
        return (event for event in self._events if event.verb == verb)
