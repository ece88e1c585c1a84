"""Many things at once, things that fail, and things that take too long."""

import asyncio

import pytest

from parcels.carriers import (
    ask_carrier,
    ask_with_timeout,
    debt_of,
    parcels_for,
    price_or_fallback,
)
from parcels.customers import find_customer
from parcels.depot import deliver, deliver_all

pytestmark = pytest.mark.asyncio

A_MOMENT = 0.01


async def test_three_vans_deliver_three_parcels():
    parcels = [{"parcel": f"p-{number}"} for number in (1, 2, 3)]
    results = await deliver_all(parcels, most_at_once=3)
    assert len(results) == 3
    assert all(result["status"] == "delivered" for result in results)


async def test_two_vans_are_both_out_and_there_is_no_third(taskq, monkeypatch):
    probe = taskq.concurrency()
    monkeypatch.setattr("parcels.depot.deliver", probe(deliver))
    await deliver_all([{"parcel": f"p-{number}"} for number in range(5)], most_at_once=2)
    probe.assert_max(2)
    probe.assert_reached(2)


async def test_answers_are_gathered():
    customer, parcels, debt = await asyncio.gather(
        find_customer("c-7"), parcels_for("c-7"), debt_of("c-7")
    )
    assert customer.street == "Hill Road 12"
    assert parcels == ["c-7/p-1", "c-7/p-2"]
    assert debt == 12


async def test_one_carrier_on_strike_does_not_silence_the_others():
    first, second, third = await asyncio.gather(
        ask_carrier("post"), ask_carrier("strikes"), ask_carrier("bikes"), return_exceptions=True
    )
    assert first["status"] == "ok"
    assert isinstance(second, Exception)
    assert third["status"] == "ok"


async def test_a_carrier_that_takes_too_long_is_given_up():
    with pytest.raises(asyncio.TimeoutError):
        await ask_with_timeout(url="https://slow.example.org", timeout=A_MOMENT)


async def test_wait_for_gives_up():
    async def walk_around_the_world():
        await asyncio.sleep(10)
        return "back"

    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(walk_around_the_world(), timeout=A_MOMENT)


async def test_the_harness_does_not_wait_a_minute_to_see_a_minute_s_timeout(taskq):
    await taskq.assert_times_out(
        ask_with_timeout(url="https://slow.example.org", timeout=60), after=60
    )


async def test_the_old_price_serves_when_the_new_one_takes_too_long():
    async def ask_for_a_price():
        await asyncio.sleep(10)
        return "7.90"

    price = await price_or_fallback("p-1", ask_for_a_price, timeout=A_MOMENT, fallback="6.90")
    assert price == "6.90"
