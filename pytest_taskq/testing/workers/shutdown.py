"""What became of the jobs that a worker had in flight when it was shut down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pytest_taskq.core.errors import BadOption
from pytest_taskq.testing.text import in_one_line, plural
from pytest_taskq.testing.workers.concurrency import ConcurrencyProbe
from pytest_taskq.testing.workers.queues import items_of

__all__ = ["Jobs", "Shutdown", "ShutdownReport"]

Jobs: TypeAlias = (
    "Iterable[Any] | Callable[[], Iterable[Any]] | asyncio.Queue[Any] | ConcurrencyProbe | None"
)


@dataclass
class ShutdownReport:
    """The jobs in flight, each in one of four lists.

    ``lost``: neither finished, nor put back, nor said to be cancelled.
    """

    finished: list[Any] = field(default_factory=list)
    put_back: list[Any] = field(default_factory=list)
    cancelled: list[Any] = field(default_factory=list)
    lost: list[Any] = field(default_factory=list)

    def assert_none_lost(self) -> None:
        """Raise AssertionError when a job was lost, and name it."""
        if self.lost:
            count = sum(map(len, (self.finished, self.put_back, self.cancelled, self.lost)))
            jobs = ", ".join(f"job {in_one_line(job)}" for job in self.lost)
            verb = "was" if len(self.lost) == 1 else "were"
            raise AssertionError(
                f"{len(self.lost)} of {plural(count, 'in-flight job')} lost: {jobs} {verb} "
                f"neither finished nor put back"
            )


class Shutdown:
    """Made before a worker is shut down; ``report()`` is for afterwards.

    Raises BadOption when nothing tells which jobs were in flight, or how a finished one is known.
    """

    def __init__(
        self,
        in_flight: Jobs,
        finished: Jobs,
        put_back: Jobs,
        cancelled: Jobs,
        key: Callable[[Any], Any] | None,
    ) -> None:
        self._given = {"put_back": put_back, "cancelled": cancelled}
        self._key = key or (lambda job: job)
        self._probe = in_flight if isinstance(in_flight, ConcurrencyProbe) else None
        self._finished = finished
        self._in_flight = [] if in_flight is None else _listed(in_flight)
        if in_flight is None and finished is not None:
            raise BadOption(
                "shutdown() cannot tell what became of jobs. It was given no in_flight. Give it "
                "the jobs that are in hand: shutdown(in_flight=[7, 8], finished=...)."
            )
        if in_flight is not None and self._probe is None and finished is None:
            raise BadOption(
                "shutdown() cannot tell which jobs were finished. It was given in_flight alone. "
                "Add finished=..., or give a taskq.concurrency() probe around the handler."
            )
        self._open = [] if self._probe is None else self._probe.open()

    def report(self) -> ShutdownReport:
        """What became of each; it is asked in this order, and the first answer counts."""
        report = ShutdownReport()
        done = [call.job for call in self._open if call.outcome == "returned"]
        if self._finished is not None:
            done += _listed(self._finished)
        places = (
            (report.finished, self._keys(done)),
            (report.put_back, self._keys(_listed(self._given["put_back"]))),
            (report.cancelled, self._keys(_listed(self._given["cancelled"]))),
        )
        for job in self._in_flight:
            key = self._key(job)
            for jobs, keys in places:
                if key in keys:
                    keys.remove(key)
                    jobs.append(job)
                    break
            else:
                report.lost.append(job)
        return report

    def _keys(self, jobs: Iterable[Any]) -> list[Any]:
        return [self._key(job) for job in jobs]


def _listed(jobs: Jobs) -> list[Any]:
    if jobs is None:
        return []
    if isinstance(jobs, ConcurrencyProbe):
        return [call.job for call in jobs.open()]
    if isinstance(jobs, asyncio.Queue):
        return items_of(jobs)
    return list(jobs() if callable(jobs) else jobs)
