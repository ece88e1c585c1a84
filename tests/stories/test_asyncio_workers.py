"""A courier's working day; and what a test had better do, and not do, with the event loop."""

import asyncio
import time

import pytest

from parcels.courier import Courier
from parcels.depot import deliver
from pytest_taskq import wait_until

PARCEL = {"parcel": "p-1"}


@pytest.mark.asyncio
async def test_a_courier_starts_and_stops():
    courier = Courier()

    working = asyncio.create_task(courier.run())
    await wait_until(courier.is_running)
    assert courier.is_running()

    await courier.stop()
    await working
    assert not courier.is_running()


@pytest.mark.asyncio
async def test_a_courier_works_through_a_list():
    courier, parcels = Courier(), asyncio.Queue()
    await parcels.put({"parcel": "p-1", "to": "the door"})
    await parcels.put({"parcel": "p-2", "to": "the door"})
    await parcels.put(None)

    results = await courier.process_queue(parcels)

    assert len(results) == 2
    assert results[0]["parcel"] == "p-1"


@pytest.mark.asyncio
async def test_do_mark_an_async_test():
    assert await deliver(PARCEL) is not None


def test_do_not_run_a_loop_of_your_own():
    async def deliver_and_look():
        return await deliver(PARCEL), asyncio.get_running_loop()

    result, loop = asyncio.run(deliver_and_look())
    assert result["status"] == "delivered"
    assert loop.is_closed()  # and with it all that a fixture may have opened there


@pytest.mark.asyncio
async def test_a_loop_of_your_own_cannot_even_start_in_an_async_test():
    delivery = deliver(PARCEL)
    with pytest.raises(RuntimeError, match="running event loop"):
        asyncio.run(delivery)
    assert (await delivery)["status"] == "delivered"


async def beats_during(wait) -> int:
    """How often another task could run meanwhile."""
    beats = 0

    async def beat():
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0)

    heart = asyncio.create_task(beat())
    await asyncio.sleep(0)
    before = beats
    await wait()
    heart.cancel()
    return beats - before


@pytest.mark.asyncio
async def test_do_not_block_the_loop():
    async def blocking():
        time.sleep(0.01)  # noqa: ASYNC251 - what it does is the point

    assert await beats_during(blocking) == 0
    assert await deliver(PARCEL) is not None


@pytest.mark.asyncio
async def test_do_wait_with_the_loop():
    async def waiting():
        await asyncio.sleep(0.01)

    assert await beats_during(waiting) > 1
    assert await deliver(PARCEL) is not None
