"""The nightly report. It would go on for ever; a test says how many nights it wants."""

from datetime import UTC, datetime, timedelta

import pytest

from shop.reports import nightly_report, open_shop
from shop.services import Order, Status

pytestmark = pytest.mark.asyncio


@pytest.mark.taskq_time("2030-03-01T09:00:00+00:00", mode="auto")
async def test_three_nights_make_three_reports(docket, worker, services):
    noon = datetime(2030, 3, 1, 12, tzinfo=UTC)
    services.orders[1] = Order("ann", 850, Status.PAID, paid_at=noon)
    services.orders[2] = Order("bob", 1200, Status.PAID, paid_at=noon + timedelta(days=1))
    services.orders[3] = Order("cleo", 990, Status.UNPAID)

    await open_shop(docket)
    await worker.run_at_most({"nightly_report": 3})
    assert services.reports == [
        "2030-03-01: 1 orders, 8.50 EUR",
        "2030-03-02: 1 orders, 12.00 EUR",
        "2030-03-03: 0 orders, 0.00 EUR",
    ]


@pytest.mark.taskq_time("2030-03-01T09:00:00+00:00")
async def test_the_next_report_is_due_at_two_in_the_night(docket, worker, taskq_clock):
    await open_shop(docket)
    await open_shop(docket)
    (execution,) = (await docket.snapshot()).future
    assert execution.function is nightly_report
    assert execution.when == datetime(2030, 3, 2, 2, tzinfo=UTC)

    taskq_clock.move_to(execution.when)
    await worker.run_until_finished()
    (execution,) = (await docket.snapshot()).future
    assert execution.when == datetime(2030, 3, 3, 2, tzinfo=UTC)
