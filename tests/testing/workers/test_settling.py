"""Everything runs until nothing can go on by itself, and who never rests is named."""

import asyncio

import pytest

from pytest_taskq.core.errors import NotFinished
from pytest_taskq.testing.workers import settle

pytestmark = pytest.mark.asyncio


async def test_everything_has_gone_as_far_as_it_can():
    log = []

    async def hand_on(steps):
        for step in range(steps):
            await asyncio.sleep(0)
            log.append(step)
        await asyncio.gather(*(asyncio.sleep(0) for _ in range(3)))
        log.append("then")
        await asyncio.sleep(60)
        log.append("later")

    task = asyncio.create_task(hand_on(50))
    started = asyncio.get_running_loop().time()
    await settle()
    assert log == [*range(50), "then"]
    assert asyncio.get_running_loop().time() - started < 30
    task.cancel()


async def test_two_may_settle_together():
    await asyncio.wait_for(settle(), 5)
    await settle()


async def test_one_that_never_waits_is_named():
    async def poll():
        while True:  # noqa: ASYNC110 - what it does wrong is the point
            await asyncio.sleep(0)

    task = asyncio.create_task(poll())
    with pytest.raises(NotFinished) as caught:
        await settle()
    line = poll.__code__.co_firstlineno + 2
    assert str(caught.value).splitlines()[0] == (
        f"did not settle after 10000 turns: task poll() (test_settling.py:{line}) never waits."
    )
    task.cancel()
