"""The jobs of one app as its history tells them, read once and then on from there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pytest_taskq.core.instants import Instant
from pytest_taskq.testing.births import Birth, Births
from pytest_taskq.testing.seen import SeenApp, SeenJob

__all__ = ["Found", "Reading", "as_now"]


class Found(NamedTuple):
    """A job at a place in the history of its app, and when that was among all histories."""

    place: int
    when: tuple[Instant, int]
    job: SeenJob


class Reading:
    """What the history of one app tells: each job that was enqueued, and each attempt begun.

    Both with their places in the history, and when it was.
    """

    def __init__(self, owner: SeenApp) -> None:
        self._owner = owner
        self._births = Births()
        self._jobs: dict[Birth, SeenJob] = {}
        self._read = 0
        self.enqueued: list[Found] = []
        self.started: list[Found] = []
        self.read_on()
        self.look_into_store()

    def read_on(self) -> None:
        """Read what has happened since."""
        history, jobs = self._owner.app.history, self._jobs
        begin, self._read = self._read, len(history)
        for place, event in enumerate(history.since(begin), begin):
            at, verb, _, _, _, _, order = event
            when, birth = (at, order), self._births.of(event)
            if verb == "enqueue":
                jobs[birth] = SeenJob(self._owner, [event])
                self.enqueued.append(Found(place, when, jobs[birth]))
            elif birth in jobs:
                jobs[birth].events.append(event)
                if verb == "claim":
                    self.started.append(Found(place, when, jobs[birth]))

    def look_into_store(self) -> None:
        """Take the jobs for what they are now: others may have changed or deleted them."""
        for found in self.enqueued:
            found.job.stored = None
        for stored in self._owner.app.jobs():
            known = self._jobs.get(self._births.latest(stored.id))
            if known is not None and known.first.created_at == stored.created_at:
                known.stored = stored


def as_now(found: Iterable[Found]) -> list[SeenJob]:
    """Their jobs, each one object, which stay as they are now while a reading goes on."""
    kept: dict[int, SeenJob] = {}
    jobs: list[SeenJob] = []
    for _, _, job in found:
        seen = kept.get(id(job))
        if seen is None:
            seen = kept[id(job)] = job.as_now()
        jobs.append(seen)
    return jobs
