"""What senders and receivers see of a parcel."""

from datetime import UTC, datetime, timedelta

import pytest
from docket import Worker
from docket.testing import assert_no_tasks, assert_task_scheduled

from postoffice.depot import NobodyHome, Parcel
from postoffice.tasks import deliver, delivery_key, make_round

pytestmark = pytest.mark.asyncio

ANN_TO_BOB = {"sender": "ann", "receiver": "bob"}


async def test_a_parcel_arrives_and_its_sender_is_told(counter, postman, depot):
    handed_in = await counter.post("/parcels", json=ANN_TO_BOB)
    assert (handed_in.status_code, handed_in.json()) == (202, {"number": 1})
    await postman.run_until_finished()

    seen = (await counter.get("/parcels/1")).json()
    assert seen == {"status": "delivered", "delivery": "completed"}
    assert depot.letters == [("ann", "Parcel 1 has arrived")]


async def test_the_carrier_rings_again_when_nobody_is_at_home(counter, postman, depot):
    depot.carrier.absent["bob"] = 2
    await counter.post("/parcels", json=ANN_TO_BOB)
    await postman.run_until_finished()
    assert depot.carrier.rang == ["bob"] * 3
    assert depot.parcels[1].status == "delivered"


async def test_after_three_times_the_parcel_goes_back(counter, post, postman, depot):
    depot.carrier.absent["bob"] = 9
    await counter.post("/parcels", json=ANN_TO_BOB)
    await postman.run_until_finished()
    assert depot.parcels[1].status == "returned"
    assert depot.letters == [("ann", "Parcel 1 is back")]

    execution = await post.get_execution(delivery_key(1))
    assert execution.error == "NobodyHome: bob"
    with pytest.raises(NobodyHome):
        await execution.get_result()


async def test_a_parcel_may_wait_for_christmas(counter, post):
    christmas = datetime.now(UTC) + timedelta(days=30)
    await counter.post("/parcels", json=ANN_TO_BOB | {"not_before": christmas.isoformat()})
    await assert_task_scheduled(post, deliver, args=(1,), key="deliver:1")
    (execution,) = (await post.snapshot()).future
    assert execution.when == christmas
    assert (await counter.get("/parcels/1")).json()["delivery"] == "scheduled"


async def test_a_parcel_can_be_called_back(counter, post, postman, depot):
    christmas = datetime.now(UTC) + timedelta(days=30)
    await counter.post("/parcels", json=ANN_TO_BOB | {"not_before": christmas.isoformat()})
    assert (await counter.delete("/parcels/1")).status_code == 204
    await assert_no_tasks(post)
    await postman.run_until_finished()
    assert depot.carrier.rang == []


async def test_a_delivery_tells_who_took_the_parcel(post, postman, depot):
    depot.parcels[7] = Parcel("ann", "bob")
    execution = await post.add(deliver)(7)
    await postman.run_until_finished()
    assert await execution.get_result() == "bob"


async def test_a_task_is_a_function_and_can_be_called(depot, post):
    depot.parcels[7] = Parcel("ann", "bob")
    assert await deliver(7, depot=depot, docket=post) == "bob"
    (letter,) = (await post.snapshot()).future
    assert letter.args == ("ann", "Parcel 7 has arrived")


async def test_rounds_are_made_again_and_again(post, depot):
    depot.parcels[1] = Parcel("ann", "bob")
    async with Worker(post, minimum_check_interval=timedelta(milliseconds=5)) as worker:
        await worker.run_at_most({make_round.__name__: 3})
    assert depot.rounds == [1, 1, 1]
