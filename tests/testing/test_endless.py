"""A test in which nothing but time passes ends; one in which anything else may happen does not."""

import asyncio
import re
import threading
from datetime import UTC, datetime

import pytest

from pytest_taskq import job
from pytest_taskq.core.errors import NotFinished
from pytest_taskq.engine import stuck
from pytest_taskq.testing import endless

START = datetime(2030, 1, 1, tzinfo=UTC)
pytestmark = pytest.mark.taskq_time(START, mode="auto")
LONG = 2000
"""More jumps than are enough here."""


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(stuck, "JUMPS", 50)
    monkeypatch.setattr(endless, "ENOUGH", 200)


async def poll():
    while True:  # noqa: ASYNC110 - in vain, that is what it is for
        await asyncio.sleep(1)


@pytest.fixture
def polling():
    """Polls beside the test, which is to end it."""
    return lambda: asyncio.create_task(poll())


def test_a_job_that_polls_in_vain_ends_and_is_named(taskq, docket):
    docket.register(poll)
    taskq.enqueue(job(poll))
    with pytest.raises(NotFinished) as caught:
        taskq.drain()
    assert re.fullmatch(
        r"endless: nothing but time passes\. The clock has jumped 200 times, and meanwhile "
        r"taskq\.drain\(\) \(in sync code, test_endless\.py:\d+\) has not gone on, no job has "
        r"moved, and no task has begun or ended\. "
        r"The clock is auto and stands at 2030-01-01 00:04:10 UTC\.\n"
        r"What lets time pass is poll \(in sleep, test_endless\.py:\d+\)\. End it, or bring about "
        r"what the test waits for\.",
        str(caught.value),
    )


@pytest.mark.asyncio
async def test_the_test_itself_goes_on(taskq):
    for _ in range(LONG):
        await asyncio.sleep(1)


@pytest.mark.asyncio
async def test_a_timer_comes_however_late(taskq, polling):
    task = polling()
    await asyncio.sleep(LONG)
    task.cancel()


@pytest.mark.asyncio
async def test_jobs_come_one_after_the_other(taskq, docket, polling):
    async def follow(left):
        await asyncio.sleep(100)
        if left:
            await docket.add(follow)(left - 1)

    task = polling()
    await docket.add(follow)(LONG // 100)
    await taskq.drain()
    task.cancel()


@pytest.mark.asyncio
async def test_tasks_come_one_after_the_other(taskq):
    async def visit():
        for _ in range(LONG):
            await asyncio.create_task(asyncio.sleep(1))

    await asyncio.create_task(visit())


@pytest.mark.asyncio
async def test_a_thread_may_bring_it(taskq, polling):
    over, loop, task = asyncio.Event(), asyncio.get_running_loop(), polling()
    timer = threading.Timer(0.3, loop.call_soon_threadsafe, [over.set])
    timer.start()
    await over.wait()
    task.cancel()
    timer.join()
