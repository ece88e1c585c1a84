"""Waiting for an instant, or until every task waits."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from pytest_taskq.core.errors import NotFinished
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.loop_time import sleep_real

pytestmark = pytest.mark.asyncio

MIDNIGHT = datetime(2031, 5, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def clock():
    return Clock("auto", MIDNIGHT)


async def test_elapses_side_by_side_end_each_at_its_own_instant(clock):
    async def elapse(hours):
        await clock.elapse(hours=hours)
        return clock.time()

    with clock.in_loop():
        ends = await asyncio.gather(elapse(5), elapse(2), elapse(5))
    assert ends == [MIDNIGHT + hours * HOUR for hours in (5, 2, 5)]


async def test_an_elapse_that_is_cancelled_moves_nothing_afterwards():
    clock = Clock("held", MIDNIGHT)
    with clock.in_loop():
        lazy = asyncio.create_task(clock.elapse(days=1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        lazy.cancel()
        await clock.settle()
        await sleep_real(0.01)
    assert clock.time() == MIDNIGHT


async def test_settle_waits_for_every_task_and_lets_no_time_pass(clock):
    seen = []

    async def steps():
        for number in range(50):
            await asyncio.sleep(0)
            seen.append(number)
        await asyncio.sleep(1)
        seen.append("later")

    with clock.in_loop():
        running = asyncio.create_task(steps())
        await clock.settle()
        assert seen == list(range(50))
        assert clock.time() == MIDNIGHT
        await running


async def test_settle_gives_up_on_a_task_that_never_waits(clock):
    async def restless():
        for _ in count():
            await asyncio.sleep(0)

    with clock.in_loop():
        running = asyncio.create_task(restless())
        with pytest.raises(NotFinished, match="After 10000 turns"):
            await clock.settle()
        running.cancel()
