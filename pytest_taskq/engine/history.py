"""What happened to the jobs of a queue, in order: append-only, and never asked by a rule.

Assertions, time-outs and figures read it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, NamedTuple

from pytest_taskq.core.job import Job, JobId
from pytest_taskq.core.outcome import Outcome

__all__ = ["Event", "History"]

_ORDER = count()


class Event(NamedTuple):
    """One change that landed, or an outcome that came too late (``verb`` "late").

    ``job`` is the record after it. ``error`` is the exception of a failed attempt, while the
    process that ran it lives. ``order`` is among the events of all histories of the process.
    """

    at: int
    verb: str
    job: Job
    worker: str | None = None
    outcome: Outcome | None = None
    error: BaseException | None = None
    order: int = 0


class History:
    """The events of one queue, oldest first.

    ``listeners`` are called with each new one. ``failed``: whether any attempt has ended with
    an exception.
    """

    def __init__(self) -> None:
        # One flat list: an object for each event of a hundred thousand jobs would keep the
        # garbage collector busy for a third of a run.
        self._log: list[Any] = []
        self.listeners: list[Callable[[Event], None]] = []
        self.failed = False

    def __len__(self) -> int:
        return len(self._log) // WIDTH

    def __iter__(self) -> Iterator[Event]:
        return self.since(0)

    def since(self, place: int) -> Iterator[Event]:
        """The events from the given one on; ``len()`` is the place of the next."""
        log, new = self._log, tuple.__new__  # twice as fast as `_make`, and called for each event
        for at in range(place * WIDTH, len(log), WIDTH):
            yield new(Event, log[at : at + WIDTH])

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
        order = next(_ORDER)
        self._log += (at, verb, job, worker, outcome, error, order)
        if error is not None:
            self.failed = True
        for listener in self.listeners:
            listener(Event(at, verb, job, worker, outcome, error, order))

    def of(self, job_id: JobId) -> list[Event]:
        """The events of one job."""
        return [event for event in self if event.job.id == job_id]

    def last_worker(self, job_id: JobId) -> str | None:
        """Who had the job in hand last."""
        log = self._log
        for at in range(len(log) - WIDTH, -1, -WIDTH):
            if log[at + 2].id == job_id and log[at + 3] is not None:
                return str(log[at + 3])
        return None

    def errors(self) -> list[tuple[Job, BaseException]]:
        """Each exception that an attempt ended with, and its job afterwards."""
        return [(event.job, event.error) for event in self if event.error is not None]

    def caused_by(self, job_id: JobId) -> list[Job]:
        """The jobs that the task of this job enqueued."""
        enqueued = (event.job for event in self if event.verb == "enqueue")
        return [job for job in enqueued if job.parent == job_id]


WIDTH = len(Event._fields)
