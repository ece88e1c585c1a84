"""Expectations of speed that hold on any machine: costs are told in reference jobs.

A reference job is enqueued, claimed and finished on a bare engine in memory, here and now. A
slow or busy machine is slow for both, so their ratio says something about the code.
"""

from __future__ import annotations

import gc
import inspect
import statistics
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from typing import Any

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.outcome import Succeeded
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.leases import Ended
from pytest_taskq.engine.machine import Stopwatch
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.sync import drive
from pytest_taskq.stores.memory import MemoryStore
from pytest_taskq.testing._steps import Steps, Watch, take
from pytest_taskq.testing.stats import Spread, Stats
from pytest_taskq.testing.text import length_text, plural

__all__ = ["Thresholds"]

REFERENCE_JOBS = 200
MICROS = 1e6
FIGURES = ("mean", "p95", "p99", "max")
Work = Callable[..., Any]
REFERENCE = "A reference job is enqueued, claimed and finished on a bare engine in memory"


class Thresholds:
    """Asserts that something is not slower than it may be. Each call is one line of a test.

    ``work`` is the user's own code, sync or async; where it is async, the call is awaited.
    What is measured in real time is measured ``rounds`` times, a reference beside each, and the
    best of each counts: that one was disturbed least. Every call answers what it measured.

        await performance_threshold.assert_deferral(
            lambda n: task.defer_async(film=n), jobs=200, at_most=10
        )
    """

    def __init__(self, *, rounds: int = 5, watch: Callable[[], Watch] = Stopwatch) -> None:
        _check_number("rounds", rounds)
        self._rounds = rounds
        self._watch = watch

    def reference(self) -> float:
        """The real seconds that one reference job takes here and now."""
        watch = self._watch()
        copy_context().run(_run_reference, REFERENCE_JOBS)
        return watch.seconds() / REFERENCE_JOBS

    def assert_deferral(self, defer: Work, *, jobs: int = 200, at_most: float) -> Any:
        """Enqueueing a job by ``defer(number)`` costs at most so many reference jobs."""
        _check_number("jobs", jobs)
        return self._go(self._cost("deferring a job", _each(defer, jobs), jobs, at_most))

    def assert_processing(self, work: Work, *, jobs: int, at_most: float) -> Any:
        """``work()``, which handles so many jobs, costs at most so many reference jobs for each."""
        _check_number("jobs", jobs)
        return self._go(self._cost("processing a job", work, jobs, at_most))

    def assert_idle(self, work: Work, *, at_most: float) -> Any:
        """``work()``, which finds nothing to do, costs at most so many reference jobs."""
        return self._go(self._cost("a worker with nothing to do", work, 1, at_most))

    def assert_scaling(
        self, work: Work, *, sizes: tuple[int, int] = (100, 1_000), at_most: float = 2.0
    ) -> Any:
        """A job of ``work(size)`` costs at most so many times as much at the larger size."""
        small, large = sizes
        _check_number("a first size", small)
        _check_number("a second size", large, small + 1)
        return self._go(self._scaling(work, sizes, at_most))

    def assert_consistency(self, work: Work, *, runs: int = 10, at_most: float = 2.0) -> Any:
        """The later half of many runs of ``work()`` costs at most so many times the earlier half.

        Compared are the medians, each run beside a reference.
        """
        _check_number("runs", runs, 2)
        return self._go(self._consistency(work, runs, at_most))

    def assert_memory(self, work: Work, *, jobs: int, at_most: float) -> Any:
        """A job of ``work()`` keeps at most so many times the memory of a reference job."""
        _check_number("jobs", jobs)
        return self._go(self._memory(work, jobs, at_most))

    def assert_latency(self, lengths: Spread | Iterable[float], **at_most: float) -> Spread:
        """Percentiles are at most so many times the median: ``p95=3, p99=10, max=50``.

        ``lengths``: those of ``stats()``, or seconds that the test has measured.
        """
        __tracebackhide__ = True
        spread = lengths if isinstance(lengths, Spread) else _spread(lengths)
        for name, times in at_most.items():
            if name not in FIGURES:
                raise BadOption(
                    f"A latency has no {name!r}. There are {', '.join(FIGURES)}. "
                    f"Write for instance p95=3."
                )
            found, median = getattr(spread, name), spread.p50
            if found > times * median:
                long, middle = found.total_seconds(), median.total_seconds()
                raise AssertionError(
                    f"The {name} of {plural(len(spread), 'time')} is {_seconds(long)}, and at most "
                    f"{times:g} times the median of {_seconds(middle)} is allowed."
                )
        return spread

    def assert_wait(self, stats: Stats, *, at_most: float, percentile: float = 95) -> float:
        """So many percent of the jobs waited no longer than so many reference jobs take.

        For a real clock. On one that is moved, compare ``stats.wait`` with a timedelta.
        """
        __tracebackhide__ = True
        unit = min(self.reference() for _ in range(self._rounds))
        waited = stats.wait.percentile(percentile).total_seconds()
        ratio = waited / unit
        if ratio > at_most:
            raise AssertionError(
                f"{percentile:g}% of the jobs waited up to {_seconds(waited)}: {_times(ratio)} "
                f"reference jobs, and at most {at_most:g} are allowed. {_reference(unit)}"
            )
        return ratio

    def assert_utilisation(
        self, stats: Stats, *, at_least: float, slots: int | None = None
    ) -> float:
        """So much of the slots was used, from 0 to 1; see ``Stats.utilisation``."""
        __tracebackhide__ = True
        found = stats.utilisation(slots)
        if found < at_least:
            workers = "".join(f"\n  {worker}" for worker in stats.workers.values())
            raise AssertionError(
                f"The workers were busy {found:.0%} of the time, and at least {at_least:.0%} is "
                f"expected.{workers}"
            )
        return found

    def _cost(self, what: str, work: Work, jobs: int, at_most: float) -> Steps:
        costs, units = [], []
        for _ in range(self._rounds):
            units.append(self.reference())
            costs.append((yield work) / jobs)
        unit = min(units)
        ratio = min(costs) / unit
        if ratio > at_most:
            raise AssertionError(
                f"The cost of {what} is {_times(ratio)} reference jobs, and at most {at_most:g} "
                f"are allowed ({_seconds(min(costs))}, best of {self._rounds}). {_reference(unit)}"
            )
        return ratio

    def _scaling(self, work: Work, sizes: tuple[int, int], at_most: float) -> Steps:
        small, large = sizes
        costs: dict[int, list[float]] = {small: [], large: []}
        for _ in range(self._rounds):
            for size in sizes:
                costs[size].append((yield partial(work, size)) / size)
        ratio = min(costs[large]) / min(costs[small])
        if ratio > at_most:
            raise AssertionError(
                f"One of {large:,} jobs costs {_times(ratio)} times as much as one of {small:,}, "
                f"and at most {at_most:g} times is allowed ({_seconds(min(costs[small]))} "
                f"and {_seconds(min(costs[large]))}, best of {self._rounds})."
            )
        return ratio

    def _consistency(self, work: Work, runs: int, at_most: float) -> Steps:
        costs = []
        for _ in range(runs):
            unit = self.reference()
            costs.append((yield work) / unit)
        half = runs // 2
        early, late = statistics.median(costs[:half]), statistics.median(costs[-half:])
        ratio = late / early
        if ratio > at_most:
            shown = ", ".join(map(_times, costs))
            raise AssertionError(
                f"The last {half} of {runs} runs cost {_times(ratio)} times as much as the first, "
                f"and at most {at_most:g} times is allowed. The runs in reference jobs: {shown}."
            )
        return ratio

    def _memory(self, work: Work, jobs: int, at_most: float) -> Steps:
        with _traced():
            before = _memory_now()
            kept = copy_context().run(_run_reference, REFERENCE_JOBS)
            unit = (_memory_now() - before) / REFERENCE_JOBS
            del kept
            before = _memory_now()
            yield work
            used = (_memory_now() - before) / jobs
        ratio = used / unit
        if ratio > at_most:
            raise AssertionError(
                f"A job keeps {used:,.0f} bytes: {_times(ratio)} times as many as a reference job, "
                f"and at most {at_most:g} times is allowed. {REFERENCE}, and keeps "
                f"{unit:,.0f} bytes."
            )
        return ratio

    def _go(self, steps: Steps) -> Any:
        __tracebackhide__ = True
        return take(steps, self._watch)


def _each(defer: Work, jobs: int) -> Work:
    """Call ``defer`` so many times, and await it if it is async."""

    def work() -> Any:
        first = defer(0)
        if inspect.isawaitable(first):
            return rest(first)
        for number in range(1, jobs):
            defer(number)
        return None

    async def rest(first: Any) -> None:
        await first
        for number in range(1, jobs):
            await defer(number)

    return work


def _check_number(what: str, given: int, least: int = 1) -> None:
    if type(given) is not int or given < least:
        raise BadOption(
            f"An expectation of speed takes {what}, a whole number from {least} on. "
            f"It was given {given!r}. Write for instance {10 * least}."
        )


def _run_reference(jobs: int) -> Queue:
    queue = Queue(MemoryStore(), Clock("real"))
    for number in range(jobs):
        drive(queue.enqueue(queue.new_job("reference", (number,))))
        (claimed,) = drive(queue.leases.claim("reference", 1))
        drive(queue.leases.finish([Ended(claimed, Succeeded())]))
    return queue


@contextmanager
def _traced() -> Iterator[None]:
    if tracemalloc.is_tracing():
        yield
        return
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def _memory_now() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def _spread(seconds: Iterable[float]) -> Spread:
    return Spread(sorted(round(value * MICROS) for value in seconds))


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"


def _reference(unit: float) -> str:
    return f"{REFERENCE}; here and now that takes {_seconds(unit)}."


def _seconds(seconds: float) -> str:
    return length_text(seconds * MICROS)
