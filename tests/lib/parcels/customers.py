"""Customers, and the directory that knows where they live."""

import asyncio
from typing import NamedTuple

__all__ = [
    "Customer",
    "DirectoryClosedError",
    "LabelPrinter",
    "UnknownCustomerError",
    "find_customer",
]


class Customer(NamedTuple):
    """Somebody who gets parcels. ``discount`` is in percent."""

    number: str
    street: str
    discount: int


CUSTOMERS = {"c-7": Customer("c-7", "Hill Road 12", 5)}


class UnknownCustomerError(LookupError):
    """Nobody has this number."""


class DirectoryClosedError(Exception):
    """The directory answers again at ``opens_at`` o'clock."""

    def __init__(self, *, opens_at):
        super().__init__(f"closed until {opens_at}")
        self.opens_at = opens_at


class LabelPrinter:
    """Writes labels with what a directory of the caller's choice knows."""

    def __init__(self, directory):
        self.directory = directory

    async def label(self, parcel, number):
        street, town = await self.directory.look_up(number, country="PT")
        return f"{parcel}: {street}, {town}"


async def find_customer(number):
    await asyncio.sleep(0)
    try:
        return CUSTOMERS[number]
    except KeyError:
        raise UnknownCustomerError(f"no customer {number}") from None
