"""What a customer sees of a checkout."""

import asyncio

import pytest

from pytest_taskq import wait_until
from pytest_taskq.docket import Disposition, RecordingDocket
from shop.carts import put_in_cart
from shop.checkout import charge, check_out, pay
from shop.services import Order, Status

pytestmark = pytest.mark.asyncio


async def test_an_order_is_charged_and_confirmed(docket, worker, services, provider):
    await put_in_cart(docket, "ann", "assam", 850)
    await put_in_cart(docket, "ann", "sencha", 1200)
    order_id = await check_out(docket, "ann")
    await worker.run_until_finished()

    assert services.orders[order_id].status is Status.PAID
    assert provider.charged == [(order_id, 2050)]
    (letter,) = services.mail
    assert (letter.to, letter.subject) == ("ann", "Order 1 is on its way")


async def test_a_second_click_charges_nobody_twice(docket, worker, provider):
    await put_in_cart(docket, "ann", "assam", 850)
    order_id = await check_out(docket, "ann")
    again = await pay(docket, order_id)
    assert again.disposition is Disposition.ALREADY_SCHEDULED

    await worker.run_until_finished()
    assert provider.charged == [(order_id, 850)]


async def test_an_empty_cart_leaves_nothing_behind(docket):
    with pytest.raises(ValueError, match="empty"):
        await check_out(docket, "ann")
    assert (await docket.snapshot()).total_tasks == 0


async def test_a_task_is_a_function_and_can_be_called(services, provider):
    services.orders[7] = Order("ann", 850)
    docket = RecordingDocket()
    await charge(7, services=services, docket=docket)
    assert services.orders[7].status is Status.PAID
    (call,) = docket.calls
    assert (call.task, call.args, call.key) == ("confirm", (7,), "confirm:7")


async def test_with_a_worker_that_runs_all_the_time(docket, worker, services):
    running = asyncio.create_task(worker.run_forever())
    await put_in_cart(docket, "ann", "assam", 850)
    order_id = await check_out(docket, "ann")
    await wait_until(lambda: services.mail, message="no confirmation was sent")
    assert services.orders[order_id].status is Status.PAID
    running.cancel()
