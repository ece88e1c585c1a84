"""The nightly report: what was sold on the day that has just ended."""

from datetime import UTC, datetime, time, timedelta

from pytest_taskq.docket import Depends, Docket, Perpetual
from shop.services import Services, the_services

NIGHT = time(2, tzinfo=UTC)


def next_night(now: datetime) -> datetime:
    """The first two o'clock after an instant."""
    tonight = datetime.combine(now.date(), NIGHT)
    return tonight if tonight > now else tonight + timedelta(days=1)


async def open_shop(docket: Docket) -> None:
    """What has to be done once when the shop starts. A second start changes nothing."""
    when = next_night(datetime.now(UTC))
    await docket.add(nightly_report, when=when, key="nightly-report")()


async def nightly_report(
    services: Services = Depends(the_services), perpetual: Perpetual = Perpetual()
) -> None:
    """Write down the takings of yesterday, and come back next night."""
    now = datetime.now(UTC)
    yesterday = now.date() - timedelta(days=1)
    paid = [
        order.cents
        for order in services.orders.values()
        if order.paid_at is not None and order.paid_at.date() == yesterday
    ]
    services.reports.append(f"{yesterday}: {len(paid)} orders, {sum(paid) / 100:.2f} EUR")
    perpetual.at(next_night(now))
