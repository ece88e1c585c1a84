"""Carts, and the letter to those who forgot theirs for three days."""

from datetime import UTC, datetime, timedelta

from pytest_taskq.docket import Depends, Docket
from shop.services import Letter, Services, the_services

PATIENCE = timedelta(days=3)


def reminder_key(customer: str) -> str:
    return f"reminder:{customer}"


async def put_in_cart(docket: Docket, customer: str, tea: str, cents: int) -> None:
    """Add a tea to a cart. The three days start again with each."""
    the_services().carts.setdefault(customer, {})[tea] = cents
    when = datetime.now(UTC) + PATIENCE
    await docket.replace(remind, when, reminder_key(customer))(customer)


async def remind(customer: str, services: Services = Depends(the_services)) -> None:
    """Write to somebody whose cart still has something in it."""
    cart = services.carts.get(customer)
    if cart:
        subject = f"Still thirsty? {', '.join(cart)}"
        services.mail.append(Letter(customer, subject, datetime.now(UTC)))
