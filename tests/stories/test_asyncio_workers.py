"""A courier's working day; and what a test had better do, and not do, with the event loop."""

import asyncio
import time

import pytest

from parcels.courier import Courier
from parcels.depot import deliver
from pytest_taskq import wait_until

PARCEL = {"parcel": "p-1"}


@pytest.mark.asyncio
async def test_a_courier_goes_out_and_comes_home():
    courier = Courier()
    assert courier.whereabouts == "depot"

    round_ = asyncio.create_task(courier.go_round())
    await wait_until(lambda: courier.whereabouts == "out")

    await courier.call_home()
    await round_
    assert courier.whereabouts == "home"


@pytest.mark.asyncio
async def test_the_harness_sends_it_out_and_makes_sure_that_it_comes_home(taskq):
    courier = Courier()
    async with taskq.running(
        courier, start="go_round", stop="call_home", until=lambda: courier.whereabouts == "out"
    ) as w:
        await w.stop()
        assert courier.whereabouts == "home"


@pytest.mark.asyncio
async def test_a_courier_hands_out_a_bag_of_somebody_else():
    bag = asyncio.Queue()
    for parcel in ({"parcel": "p-1", "to": "the door"}, {"parcel": "p-2", "to": "a shop"}, None):
        await bag.put(parcel)

    receipts = await Courier().hand_out(bag)

    assert [receipt["parcel"] for receipt in receipts] == ["p-1", "p-2"]


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
