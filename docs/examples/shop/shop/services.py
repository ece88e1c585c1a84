"""What the shop's tasks work with: orders and carts, the mail, and the payment provider."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Status(StrEnum):
    OPEN = "open"
    PAID = "paid"
    DECLINED = "declined"  # by the customer's bank
    UNPAID = "unpaid"  # the provider could not be reached


class ProviderDown(Exception):
    """The payment provider does not answer. Later it may."""


class Declined(Exception):
    """The customer's bank says no, and will say no again."""


class Provider(Protocol):
    """The company that takes the money."""

    async def charge(self, order_id: int, cents: int) -> None: ...


@dataclass
class Order:
    customer: str
    cents: int
    status: Status = Status.OPEN
    paid_at: datetime | None = None


@dataclass
class Letter:
    to: str
    subject: str
    sent_at: datetime


@dataclass
class Services:
    """One of these lives as long as the shop runs. A list stands for the mail server."""

    provider: Provider
    orders: dict[int, Order] = field(default_factory=dict)
    carts: dict[str, dict[str, int]] = field(default_factory=dict)  # customer -> tea -> cents
    mail: list[Letter] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)


_services: Services | None = None


def use(services: Services | None) -> None:
    """Work with these services from now on."""
    global _services  # noqa: PLW0603 - one shop a process
    _services = services


def the_services() -> Services:
    """The services in use; tasks ask for them with `Depends(the_services)`."""
    if _services is None:
        raise RuntimeError("The shop is closed: call use() first.")
    return _services
