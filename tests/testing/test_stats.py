"""Figures about jobs, in the time of the test's clock."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.retry import fixed
from pytest_taskq.engine.under_test import Bounds
from pytest_taskq.testing.stats import Spread, stats
from support.engine_app import EngineApp

pytestmark = pytest.mark.asyncio
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def app():
    app = EngineApp(start=NOON)

    @app.task
    async def resize(seconds):
        await asyncio.sleep(seconds)

    return app


async def work(app, *, workers=1, **time):
    live = asyncio.create_task(app.run_forever(workers=workers))
    await app.clock.elapse(**time)
    live.cancel()
    await asyncio.wait({live})


async def test_nothing_has_happened(app):
    figures = stats([app])
    assert (figures.jobs, figures.attempts, figures.throughput) == (0, 0, None)
    assert figures.wait.max == timedelta(0)
    assert figures.utilisation() == 0
    assert str(figures) == (
        "0 jobs; in 0 s\n"
        "throughput: no time passed\n"
        "attempts: 0; 0 retries, 0 failures, at most 0 of one job"
    )
    assert stats([]).states == figures.states


async def test_waits_and_run_times_are_those_of_the_clock(app):
    for _ in range(4):
        await app.add("resize", 2)
    await app.add("resize", 1, after=60)
    await work(app, seconds=100)
    figures = stats([app])
    assert list(figures.wait.values) == [0, 0, 2_000_000, 4_000_000, 6_000_000]
    assert (figures.run.min, figures.run.p50, figures.run.max) == (SECOND, 2 * SECOND, 2 * SECOND)
    assert figures.period == 61 * SECOND
    assert figures.throughput == 5 / 61
    assert figures.workers["worker"].busy == 9 * SECOND
    assert figures.utilisation() == 9 / 61
    assert figures.utilisation(slots=3) == 3 / 61
    assert str(figures) == (
        "5 jobs: 5 succeeded; in 1 min 1 s\n"
        "               mean          p50          p95          p99          max\n"
        "wait          2.4 s          2 s          6 s          6 s          6 s\n"
        "run           1.8 s          2 s          2 s          2 s          2 s\n"
        "throughput: 0.08197 jobs a second\n"
        "attempts: 5; 0 retries, 0 failures, at most 1 of one job\n"
        "worker: 5 attempts, at most 1 at once, 15% busy"
    )


async def test_states_retries_and_failures_are_counted(app):
    @app.task(retry=fixed(attempts=3, delay=timedelta(seconds=10)))
    async def fails():
        raise ValueError

    await app.add("fails")
    await app.add("resize", 0, after=3600)
    cancelled = await app.add("resize", 0)
    await app.queue.cancel(cancelled.id)
    await work(app, seconds=60)
    figures = stats([app])
    assert figures.states == {"queued": 1, "running": 0, "succeeded": 0, "dead": 1, "cancelled": 1}
    assert (figures.attempts, figures.retries, figures.failures) == (3, 2, 3)
    assert figures.most_attempts == 3


async def test_only_some_jobs(app):
    for seconds in (1, 5):
        await app.add("resize", seconds)
    await work(app, seconds=10)
    figures = stats([app], only=lambda _, job: app.tell(job).args == (5,))
    assert (figures.jobs, figures.run.max, figures.wait.max) == (1, 5 * SECOND, SECOND)


async def test_a_lapsed_lease_is_a_failure_and_a_release_is_none(app):
    await app.add("resize", 1)
    await app.queue.leases.claim("gone", 1)
    app.clock.advance(301)
    await app.run(Bounds(attempts=0))
    await work(app, seconds=0.5)
    figures = stats([app])
    assert (figures.failures, figures.states["queued"]) == (1, 1)
    assert figures.workers["gone"].busy == 301 * SECOND


async def test_slots_are_as_many_as_were_used_at_once(app):
    app.settings["concurrency"] = 3
    for _ in range(6):
        await app.add("resize", 10)
    await work(app, seconds=20)
    assert stats([app]).workers["worker"].most == 3
    assert stats([app]).utilisation() == 1


async def test_several_apps_are_one_figure(app):
    other = EngineApp(app.queue.__class__(app.queue.store.__class__(), app.clock))
    other.task(app.tasks()["resize"].function)
    await app.add("resize", 0)
    await other.add("resize", 0)
    await app.run()
    assert stats([app, other]).states["queued"] == 1
    assert stats([app, other]).jobs == 2


async def test_percentiles_are_values_that_were_there():
    spread = Spread(range(1, 101))
    assert [spread.percentile(p) for p in (0, 1, 50, 99, 99.5, 100)] == [
        timedelta(microseconds=n) for n in (1, 1, 50, 99, 100, 100)
    ]
    assert len(spread) == 100
    with pytest.raises(BadOption, match=r"from 0 to 100. It is 101"):
        spread.percentile(101)


@pytest.mark.slow
@pytest.mark.parametrize(("seconds", "longest"), [(0.35, 0), (0.5, 1.9)], ids=["enough", "too few"])
async def test_are_four_workers_of_ten_enough_for_a_hundred_jobs_a_second(app, seconds, longest):
    """Forty slots of half a second are eighty jobs a second: the queue grows."""
    app.settings["concurrency"] = 10
    for number in range(800):
        await app.add("resize", seconds, after=number / 100)
    await work(app, workers=4, minutes=1)
    figures = stats([app])
    assert figures.states["succeeded"] == 800
    assert figures.wait.max == longest * SECOND
    assert figures.utilisation(slots=40) > 0.8
