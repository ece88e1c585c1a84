"""A drain beside a job that sleeps in the hands of another worker, on a clock that is held."""

import asyncio
from datetime import UTC, datetime

import pytest

from pytest_taskq import job
from pytest_taskq.core.errors import NotFinished

START = datetime(2030, 1, 1, tzinfo=UTC)
pytestmark = [pytest.mark.asyncio, pytest.mark.taskq_time(START, mode="held")]


@pytest.fixture
def shop(docket):
    for task in (note, doze):
        docket.register(task)
    return docket


async def note(value): ...


async def doze(cart_id):
    await asyncio.sleep(60)


async def test_a_job_that_sleeps_in_other_hands_is_told_of(taskq, shop):
    async def drains():
        async with taskq.running():
            await shop.add(doze)(7)
            await taskq.settle()
            await shop.add(note)(1)
            await taskq.drain()

    with pytest.raises(NotFinished) as caught:
        await drains()
    message, worker = str(caught.value), taskq.jobs(note)[0].events[-1].worker
    assert taskq.jobs(note, state="succeeded") == [job(note, 1)]
    assert message.replace(str(worker), "worker-1") == (
        "taskq.drain() does not come to an end. Job #1 (doze) is in the hands of worker-1 and "
        "sleeps. The clock is held and stands at 2030-01-01 00:00:00 UTC. Let time pass with "
        "`await taskq.clock.elapse(...)`, or drain(until=...); or say only= which jobs are meant."
    )


async def test_other_jobs_than_those_meant_may_sleep_and_so_may_they_until_an_instant(taskq, shop):
    async with taskq.running():
        await shop.add(doze)(7)
        await taskq.settle()
        assert await taskq.drain(only=note) == []
        assert await taskq.step() == []
        assert await taskq.drain(until="30s") == []
        await taskq.clock.elapse(seconds=30)
        assert await taskq.drain() == []
    assert taskq.jobs(state="succeeded") == [job(doze, 7)]


async def test_a_job_in_other_hands_that_waits_for_the_test_is_none_of_its_business(taskq, shop):
    arrived = asyncio.Event()

    async def waits():
        await arrived.wait()

    async with taskq.running():
        await shop.add(waits)()
        await taskq.settle()
        assert await taskq.drain() == []
        arrived.set()
