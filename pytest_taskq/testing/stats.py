"""Figures about the jobs of a test, in job time: waits, run times, throughput, use of workers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.instants import Instant
from pytest_taskq.core.job import FINAL, Job, State
from pytest_taskq.core.outcome import Failed
from pytest_taskq.engine.history import Event
from pytest_taskq.engine.under_test import AppUnderTest
from pytest_taskq.testing.births import Birth, Births
from pytest_taskq.testing.text import length_text, plural

__all__ = ["Spread", "Stats", "WorkerStats", "stats"]

ENDS = frozenset({"finish", "release", "expire"})


@dataclass(frozen=True)
class Spread:
    """How lengths of time are spread. Without any, each figure is nothing.

    ``values``: all of them in microseconds, ascending.
    """

    values: Sequence[int] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.values)

    def percentile(self, percent: float) -> timedelta:
        """The least value that so many percent of all do not exceed: ``percentile(99.9)``."""
        if not 0 <= percent <= 100:
            raise BadOption(
                f"A percentile is a number from 0 to 100. It is {percent!r}. "
                f"Write for instance percentile(99.9)."
            )
        place = max(math.ceil(len(self.values) * percent / 100) - 1, 0)
        return timedelta(microseconds=self.values[place] if self.values else 0)

    @property
    def mean(self) -> timedelta:
        """The mean."""
        return timedelta(microseconds=sum(self.values) / max(len(self.values), 1))

    @property
    def min(self) -> timedelta:
        """The shortest."""
        return self.percentile(0)

    @property
    def p50(self) -> timedelta:
        """The median."""
        return self.percentile(50)

    @property
    def p95(self) -> timedelta:
        """What 95 of 100 do not exceed."""
        return self.percentile(95)

    @property
    def p99(self) -> timedelta:
        """What 99 of 100 do not exceed."""
        return self.percentile(99)

    @property
    def max(self) -> timedelta:
        """The longest."""
        return self.percentile(100)

    def __str__(self) -> str:
        return "".join(f"{_text(length):>13}" for length in self._columns())

    def _columns(self) -> tuple[timedelta, ...]:
        return (self.mean, self.p50, self.p95, self.p99, self.max)


@dataclass(frozen=True)
class WorkerStats:
    """What one worker did.

    ``busy``: the run times of its attempts together. ``most``: how many it had in hand at once.
    ``utilisation``: how much of the period these many slots were taken, from 0 to 1.
    """

    name: str
    attempts: int
    busy: timedelta
    most: int
    utilisation: float

    def __str__(self) -> str:
        times = plural(self.attempts, "attempt")
        return f"{self.name}: {times}, at most {self.most} at once, {self.utilisation:.0%} busy"


@dataclass(frozen=True)
class Stats:
    """The figures of a test, in the time of its clock.

    ``states``: how many jobs are in which state now. ``period``: from the first event to the
    last. ``wait``: from when a job was due to the start of an attempt. ``run``: from there to
    its end. ``attempts`` that began, how many of them were ``retries``, how many ``failures``
    there were, and the ``most_attempts`` of one job. ``workers``: by name.
    """

    states: dict[str, int]
    period: timedelta
    wait: Spread
    run: Spread
    attempts: int
    retries: int
    failures: int
    most_attempts: int
    workers: dict[str, WorkerStats]

    @property
    def jobs(self) -> int:
        """How many jobs there are."""
        return sum(self.states.values())

    @property
    def throughput(self) -> float | None:
        """Jobs that came to an end for each second of the period; None when no time passed."""
        ended = sum(self.states[state] for state in FINAL)
        return ended / self.period.total_seconds() if self.period else None

    def utilisation(self, slots: int | None = None) -> float:
        """How much of the period so many slots were taken, from 0 to 1.

        Without ``slots``, as many as each worker ever used at once, together.
        """
        if slots is None:
            slots = sum(worker.most for worker in self.workers.values())
        busy = sum((worker.busy for worker in self.workers.values()), timedelta())
        return _share(busy, self.period * slots)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        states = ", ".join(f"{count:,} {state}" for state, count in self.states.items() if count)
        yield f"{plural(self.jobs, 'job')}{': ' if states else ''}{states}; in {_text(self.period)}"
        if self.attempts:
            yield f"{'':6}" + "".join(
                f"{name:>13}" for name in ("mean", "p50", "p95", "p99", "max")
            )
            yield f"{'wait':6}{self.wait}"
            yield f"{'run':6}{self.run}"
        rate = self.throughput
        yield "throughput: " + ("no time passed" if rate is None else f"{rate:,.4g} jobs a second")
        yield (
            f"attempts: {self.attempts:,}; {plural(self.retries, 'retry', 'retries')}, "
            f"{plural(self.failures, 'failure')}, at most {self.most_attempts} of one job"
        )
        yield from map(str, self.workers.values())


def stats(
    apps: Sequence[AppUnderTest], *, only: Callable[[AppUnderTest, Job], bool] | None = None
) -> Stats:
    """The figures of these apps until now; of the jobs for which ``only`` is true.

    assert taskq.stats().wait.p99 < timedelta(seconds=1)
    print(taskq.stats())
    """
    books = [_Book(app, only) for app in apps]
    states = dict.fromkeys(map(str, State), 0)
    for book in books:
        for job in book.jobs():
            states[job.state] += 1
    first = min((book.first for book in books if book.first is not None), default=0)
    last = max((book.last for book in books), default=0)
    period = timedelta(microseconds=max(last - first, 0))
    spans = [span for book in books for span in book.spans]
    return Stats(
        states=states,
        period=period,
        wait=Spread(sorted(wait for book in books for wait in book.waits)),
        run=Spread(sorted(span.end - span.start for span in spans)),
        attempts=sum(len(book.waits) for book in books),
        retries=sum(book.retries for book in books),
        failures=sum(book.failures for book in books),
        most_attempts=max((book.most_attempts for book in books), default=0),
        workers=_workers(spans, period),
    )


class _Span(NamedTuple):
    """An attempt from its claim to its end."""

    worker: str
    start: Instant
    end: Instant


class _Book:
    """What the history of one app says of the jobs that count."""

    def __init__(self, app: AppUnderTest, only: Callable[[AppUnderTest, Job], bool] | None) -> None:
        self._app = app
        self._only = only
        self._births = Births()
        self._counts: dict[Birth, bool] = {}
        self.first: Instant | None = None
        self.last: Instant = 0
        self.waits: list[int] = []
        self.spans: list[_Span] = []
        self.retries = self.failures = self.most_attempts = 0
        self._open: dict[Birth, Event] = {}
        for event in app.history:
            birth = self._births.of(event)
            if event.verb != "renew" and self._is_counted(birth, event.job):
                self._add(birth, event)

    def jobs(self) -> Iterator[Job]:
        """The jobs as they are now."""
        births = self._births
        return (job for job in self._app.jobs() if self._is_counted(births.latest(job.id), job))

    def _is_counted(self, birth: Birth, job: Job) -> bool:
        if self._only is None:
            return True
        if birth not in self._counts:
            self._counts[birth] = self._only(self._app, job)
        return self._counts[birth]

    def _add(self, birth: Birth, event: Event) -> None:
        job = event.job
        self.first = event.at if self.first is None else self.first
        self.last = max(self.last, event.at)
        if event.verb == "claim":
            self.waits.append(max(event.at - job.due_at, 0))
            self.retries += job.attempt > 1
            self.most_attempts = max(self.most_attempts, job.attempt)
            self._open[birth] = event
        elif event.verb in ENDS and (begun := self._open.pop(birth, None)) is not None:
            self.spans.append(_Span(begun.worker or "", begun.at, event.at))
            self.failures += isinstance(event.outcome, Failed) or event.verb == "expire"


def _workers(spans: Sequence[_Span], period: timedelta) -> dict[str, WorkerStats]:
    found: dict[str, list[_Span]] = {}
    for span in spans:
        found.setdefault(span.worker, []).append(span)
    workers = {}
    for name, own in sorted(found.items()):
        busy = timedelta(microseconds=sum(span.end - span.start for span in own))
        most = _most_at_once(own)
        workers[name] = WorkerStats(name, len(own), busy, most, _share(busy, period * most))
    return workers


def _most_at_once(spans: Sequence[_Span]) -> int:
    """Ends come before starts of the same instant, unless the span itself is of no length."""
    changes = sorted(
        change
        for span in spans
        for change in ((span.start, 1, 1), (span.end, 2 if span.end == span.start else 0, -1))
    )
    now = most = 0
    for _, _, change in changes:
        now += change
        most = max(most, now)
    return most


def _share(part: timedelta, whole: timedelta) -> float:
    return part / whole if whole else 0.0


def _text(length: timedelta) -> str:
    return length_text(length / timedelta(microseconds=1))
