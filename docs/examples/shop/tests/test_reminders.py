"""The letter to a customer who forgot a cart: three days later, without waiting for them."""

from datetime import UTC, datetime

import pytest

from shop.carts import put_in_cart, reminder_key
from shop.checkout import check_out

pytestmark = pytest.mark.asyncio


async def test_a_forgotten_cart_is_remembered_after_three_days(
    docket, worker, taskq_clock, services
):
    await put_in_cart(docket, "ann", "assam", 850)

    taskq_clock.advance(days=2, hours=23)
    await worker.run_until_finished()
    assert services.mail == []

    taskq_clock.advance(hours=1)
    await worker.run_until_finished()
    (letter,) = services.mail
    assert (letter.to, letter.subject) == ("ann", "Still thirsty? assam")


async def test_another_tea_starts_the_three_days_again(docket, worker, taskq_clock, services):
    await put_in_cart(docket, "ann", "assam", 850)
    taskq_clock.advance(days=2)
    await put_in_cart(docket, "ann", "sencha", 1200)

    taskq_clock.advance(days=2)
    await worker.run_until_finished()
    assert services.mail == []

    taskq_clock.advance(days=1)
    await worker.run_until_finished()
    assert [letter.subject for letter in services.mail] == ["Still thirsty? assam, sencha"]


async def test_who_has_bought_is_not_reminded(docket, worker, taskq_clock, services):
    await put_in_cart(docket, "ann", "assam", 850)
    await check_out(docket, "ann")
    waiting = [execution.key for execution in (await docket.snapshot()).future]
    assert reminder_key("ann") not in waiting

    taskq_clock.advance(days=3)
    await worker.run_until_finished()
    assert [letter.subject for letter in services.mail] == ["Order 1 is on its way"]


@pytest.mark.taskq_time("2030-02-27T18:30:00+00:00")
async def test_the_task_sees_the_day_that_the_test_made(docket, worker, taskq_clock, services):
    await put_in_cart(docket, "ann", "assam", 850)
    taskq_clock.advance(days=3)
    await worker.run_until_finished()
    (letter,) = services.mail
    assert letter.sent_at == datetime(2030, 3, 2, 18, 30, tzinfo=UTC)
