"""Customers, and the remote desk that knows them."""

import asyncio

__all__ = ["CustomerDesk", "DeskError", "UnknownCustomerError", "fetch_customer"]

CUSTOMERS = {"c-7": {"id": "c-7", "email": "ines@example.org", "rating": 640}}


class UnknownCustomerError(LookupError):
    """Nobody has this number."""


class DeskError(Exception):
    """The desk answered with an error. ``status`` is that of its response."""

    def __init__(self, message, *, response):
        super().__init__(message)
        self.status = response.status


class CustomerDesk:
    """Asks the desk through a client of the caller's choice."""

    def __init__(self, client):
        self.client = client

    async def fetch_customer(self, number):
        return await self.client.get(f"/customers/{number}")


async def fetch_customer(number):
    await asyncio.sleep(0)
    try:
        return CUSTOMERS[number]
    except KeyError:
        raise UnknownCustomerError(f"no customer {number}") from None
