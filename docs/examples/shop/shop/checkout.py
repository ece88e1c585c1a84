"""Checkout: the cart becomes an order, the order is charged, and the customer is told."""

from datetime import UTC, datetime, timedelta

from pytest_taskq.docket import CurrentDocket, Depends, Docket, Execution, ExponentialRetry
from shop.carts import reminder_key
from shop.services import Declined, Letter, Order, ProviderDown, Services, Status, the_services


def charge_key(order_id: int) -> str:
    return f"charge:{order_id}"


async def check_out(docket: Docket, customer: str) -> int:
    """Turn the cart of a customer into an order, and return its number."""
    services = the_services()
    cart = services.carts.pop(customer, {})
    if not cart:
        raise ValueError(f"The cart of {customer} is empty.")
    order_id = len(services.orders) + 1
    services.orders[order_id] = Order(customer, sum(cart.values()))
    await docket.cancel(reminder_key(customer))
    await pay(docket, order_id)
    return order_id


async def pay(docket: Docket, order_id: int) -> Execution:
    """Have an order charged. The key sees to it that a second click does no harm."""
    return await docket.add(charge, key=charge_key(order_id))(order_id)


async def charge(
    order_id: int,
    services: Services = Depends(the_services),
    docket: Docket = CurrentDocket(),
    retry: ExponentialRetry = ExponentialRetry(attempts=4, minimum_delay=timedelta(seconds=30)),
) -> None:
    """Take the money: four tries, with 30, 60 and 120 seconds in between."""
    order = services.orders[order_id]
    try:
        await services.provider.charge(order_id, order.cents)
    except Declined:
        order.status = Status.DECLINED
        return
    except ProviderDown:
        if retry.attempt == retry.attempts:
            order.status = Status.UNPAID
        raise
    order.status = Status.PAID
    order.paid_at = datetime.now(UTC)
    await docket.add(confirm, key=f"confirm:{order_id}")(order_id)


async def confirm(order_id: int, services: Services = Depends(the_services)) -> None:
    """Tell the customer that the order is paid."""
    order = services.orders[order_id]
    subject = f"Order {order_id} is on its way"
    services.mail.append(Letter(order.customer, subject, datetime.now(UTC)))
