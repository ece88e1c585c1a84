"""What the fixture ``taskq`` tells of a test: the figures of chosen jobs, and its timeline."""

import asyncio
from datetime import timedelta

import pytest
import pytest_asyncio

from pytest_taskq import job

pytestmark = [pytest.mark.asyncio, pytest.mark.taskq_time()]


async def bake(bread):
    await asyncio.sleep(2)


async def sell(bread): ...


@pytest_asyncio.fixture
async def sold(docket, taskq):
    for bread in ("rye", "spelt"):
        await docket.add(bake)(bread)
    await docket.add(sell)("rye")
    await taskq.drain(until="1h")


@pytest.mark.parametrize(
    ("only", "count"),
    [(None, 3), (bake, 2), ("sell", 1), (job(bake, "rye"), 1), ([sell, job(bake, bread="rye")], 2)],
)
async def test_figures_of_chosen_jobs(sold, taskq, only, count):
    stats = taskq.stats(only)
    assert (stats.jobs, stats.attempts) == (count, count)
    assert stats.run.max == timedelta(seconds=0 if only == "sell" else 2)


async def test_the_timeline_knows_the_apps_of_the_test(sold, taskq):
    assert [moment.task for moment in taskq.timeline()].count("bake") == 6
    assert "enqueue #3 sell('rye')" in str(taskq.timeline())
