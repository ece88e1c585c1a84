"""Payments, when the provider has a bad day. The clock is held: each wait is exact."""

from datetime import timedelta

import pytest

from pytest_taskq.docket import ExecutionState
from shop.checkout import charge_key, pay
from shop.services import Order, ProviderDown, Status

pytestmark = pytest.mark.asyncio


@pytest.fixture
def order(services):
    services.orders[7] = Order("ann", 850)
    return services.orders[7]


async def test_a_failed_payment_is_tried_again_after_30_60_and_120_seconds(
    docket, worker, taskq_clock, provider, order
):
    provider.fail(times=3)
    start = taskq_clock.time()
    await pay(docket, 7)
    await worker.run_until_finished()
    for seconds in (30, 60, 120):
        assert order.status is Status.OPEN
        taskq_clock.advance(seconds=seconds)
        await worker.run_until_finished()

    waited = [(at - start).total_seconds() for at in provider.asked_at]
    assert waited == [0, 30, 90, 210]
    assert order.status is Status.PAID
    assert order.paid_at == start + timedelta(seconds=210)


async def test_nothing_is_tried_a_second_early(docket, worker, taskq_clock, provider, order):
    provider.fail(times=1)
    await pay(docket, 7)
    await worker.run_until_finished()
    taskq_clock.advance(seconds=29)
    await worker.run_until_finished()
    assert len(provider.asked_at) == 1
    taskq_clock.advance(seconds=1)
    await worker.run_until_finished()
    assert len(provider.asked_at) == 2


async def test_after_the_fourth_failure_the_order_is_unpaid(
    docket, worker, services, provider, order
):
    provider.fail(times=4)
    await pay(docket, 7)
    await worker.run_until_finished()  # the clock is not held here: it jumps over the waits

    assert order.status is Status.UNPAID
    assert services.mail == []
    execution = await docket.get_execution(charge_key(7))
    assert execution.state is ExecutionState.FAILED
    with pytest.raises(ProviderDown, match="503"):
        await execution.get_result()


async def test_a_declined_card_is_not_tried_again(docket, worker, provider, order):
    provider.decline()
    await pay(docket, 7)
    await worker.run_until_finished()
    assert order.status is Status.DECLINED
    assert len(provider.asked_at) == 1
