"""The periodic tasks of a real app tick when they would in production."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from procrastinate.periodic import PeriodicDeferrer

from pytest_taskq.core.errors import BadOption, NeverFires

# A Tuesday, at half a second.
START = datetime(2030, 1, 1, 0, 30, 0, 500_000, tzinfo=UTC)

pytestmark = [pytest.mark.asyncio, pytest.mark.taskq_time(start=START, mode="held")]


def periodic(app, expression):
    ticks = []

    @app.periodic(cron=expression)
    @app.task(name="chime")
    async def chime(timestamp):
        ticks.append(timestamp)

    return ticks


@pytest.mark.parametrize(
    ("expression", "until", "days"),
    [
        ("0 22-2 * * *", "1d", [1, 1, 1, 1, 2]),
        ("0 12 * * SAT-MON", "1w", [5, 6, 7]),
        ("50-10/10 23 3 * *", "1w", [3, 3, 3]),
        ("0 0 1-7 * */7", "2w", [2, 3, 4, 5, 6, 7, 13]),
        ("30 0 1 * * */10", "31s", [1, 1, 1]),
        ("31 0 * * *", "1h", [1]),
    ],
)
async def test_an_expression_ticks_as_the_library_reads_it(app, taskq, expression, until, days):
    ticks = periodic(app, expression)
    plan = [at.timestamp() for at in taskq.cron_plan("chime", len(days))]
    await taskq.drain(until=until)
    assert [datetime.fromtimestamp(at, UTC).day for at in ticks] == days
    assert ticks == plan
    (own,) = app.periodic_registry.periodic_tasks.values()
    # Its own deferrer tells the ticks after one that it has told before.
    since, later = int(START.timestamp()), taskq.clock.time().timestamp()
    deferrer = PeriodicDeferrer(registry=app.periodic_registry)
    assert list(deferrer.get_timestamps(own, since, later)) == ticks


async def test_a_live_worker_ticks_alike(app, taskq_clock):
    ticks = periodic(app, "* * * * TUE-MON")
    worker = asyncio.create_task(app.run_worker_async())
    await taskq_clock.elapse(minutes=2)
    assert ticks == [int((START + timedelta(seconds=s)).timestamp()) for s in (59.5, 119.5)]
    worker.cancel()
    await asyncio.wait({worker})


async def test_what_the_library_cannot_read_is_refused_in_its_words(app, taskq):
    periodic(app, "0 25 * * *")
    with pytest.raises(BadOption, match=r"cron expression of chime .*Procrastinate says: .*"):
        await taskq.drain()


async def test_a_day_that_never_comes_is_refused(app, taskq):
    periodic(app, "0 0 30 2 *")
    with pytest.raises(NeverFires, match=r"'0 0 30 2 \*' of chime has no next tick"):
        await taskq.drain()
