"""Questions to carriers: some answer, some fail, some take too long."""

import asyncio

__all__ = ["ask_carrier", "ask_with_timeout", "debt_of", "parcels_for", "price_or_fallback"]


async def parcels_for(number):
    await asyncio.sleep(0)
    return [f"{number}/p-1", f"{number}/p-2"]


async def debt_of(number):
    await asyncio.sleep(0)
    return 12


async def ask_carrier(name):
    await asyncio.sleep(0)
    if name == "strikes":
        raise ConnectionError(f"{name} does not answer")
    return {"carrier": name, "status": "ok"}


async def ask_with_timeout(url, timeout):  # noqa: ASYNC109 - as many a service does
    async with asyncio.timeout(timeout):
        await asyncio.sleep(60)
        return url


async def price_or_fallback(parcel, fetch, *, timeout, fallback):  # noqa: ASYNC109 - the same
    try:
        return await asyncio.wait_for(fetch(), timeout)
    except TimeoutError:
        return fallback
