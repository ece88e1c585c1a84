"""Conveyor belts: asyncio queues that are filled and emptied."""

import asyncio

import pytest

from parcels.depot import empty_belt

pytestmark = pytest.mark.asyncio


async def test_everything_on_the_belt_is_handled():
    belt, handled = asyncio.Queue(), []

    async def handle(parcel):
        handled.append(parcel)

    for number in range(5):
        await belt.put(f"p-{number}")
    await belt.put(None)

    await empty_belt(belt, handle)

    assert len(handled) == 5
    assert handled[0] == "p-0"
    assert handled[4] == "p-4"


async def test_one_loads_while_the_other_unloads():
    belt, unloaded = asyncio.Queue(maxsize=10), []

    async def load():
        for number in range(5):
            await belt.put(f"p-{number}")
            await asyncio.sleep(0.001)
        await belt.put(None)

    async def unload():
        while True:
            parcel = await belt.get()
            belt.task_done()  # for the None as well, or a join() would wait for ever
            if parcel is None:
                break
            unloaded.append(parcel)

    await asyncio.gather(load(), unload())

    assert len(unloaded) == 5
    assert belt.empty()
    await belt.join()


async def test_the_harness_waits_until_the_belt_is_empty(taskq):
    belt, handled = taskq.watched(asyncio.Queue()), []

    async def handle(parcel):
        handled.append(parcel)

    async with taskq.running(empty_belt(belt, handle)):
        for number in range(5):
            belt.put_nowait(f"p-{number}")
        await taskq.drained(belt)
    taskq.assert_consumed(belt, 5)
    assert len(handled) == 5


async def test_nobody_waits_for_ever_at_an_empty_belt():
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.Queue().get(), timeout=0.01)
