"""Work in the background: it is done, it can be cancelled, and it cleans up."""

import asyncio
from unittest.mock import AsyncMock

import pytest

from parcels.courier import Courier
from parcels.depot import deliver, open_account, sort_the_depot
from pytest_taskq import wait_until

pytestmark = pytest.mark.asyncio


async def test_a_parcel_is_delivered():
    result = await deliver({"parcel": "p-1", "customer": "c-7", "weight": 12})
    assert result == {"parcel": "p-1", "status": "delivered"}


async def test_a_new_customer_is_filed_and_gets_a_leaflet():
    cabinet, postman = AsyncMock(), AsyncMock()
    await open_account("c-8", "Hill Road 14", cabinet=cabinet, postman=postman)
    cabinet.file_card.assert_awaited_once_with("c-8")
    postman.bring_leaflet.assert_awaited_once_with("Hill Road 14")


async def test_a_cancelled_task_tells_its_wrapper_and_shuts_its_gate():
    cleaned, gate = [], []

    async def watched():
        try:
            await sort_the_depot(gate)
        except asyncio.CancelledError:
            cleaned.append(True)
            raise

    task = asyncio.create_task(watched())
    await wait_until(lambda: gate)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert len(cleaned) == 1
    assert gate == ["open", "shut"]  # the depot's own clean-up, and not only the wrapper's


async def test_a_cancelled_sleep_cleans_up():
    cleaned, begun = [], asyncio.Event()

    async def nap():
        try:
            begun.set()
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            cleaned.append(True)
            raise

    task = asyncio.create_task(nap())
    await begun.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(cleaned) == 1


async def test_the_harness_cancels_it_wherever_it_waits(taskq):
    gate = []
    awaits = await taskq.cancel_at_every_await(
        lambda: sort_the_depot(gate), cleaned=lambda: gate[-1] == "shut"
    )
    assert awaits == 1


async def test_a_courier_delivers_what_is_in_the_bag_before_going_home():
    courier = Courier()
    round_ = asyncio.create_task(courier.go_round())
    await wait_until(lambda: courier.whereabouts == "out")
    await courier.bag.put({"parcel": "p-1"})

    await courier.finish_round()

    await asyncio.wait_for(round_, timeout=5)
    assert courier.whereabouts == "home"
    assert [receipt["parcel"] for receipt in courier.receipts] == ["p-1"]


async def test_no_parcel_in_the_bag_is_lost(taskq):
    courier = Courier()
    async with taskq.running(courier, start="go_round", stop="finish_round") as w:
        for number in (1, 2):
            courier.bag.put_nowait({"parcel": f"p-{number}"})
        report = await w.shutdown(
            in_flight=[{"parcel": "p-1"}, {"parcel": "p-2"}],
            finished=courier.receipts,
            put_back=courier.bag,
            key=lambda parcel: parcel["parcel"],
        )
    assert len(report.finished) == 2
