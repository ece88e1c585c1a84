"""What happens to parcels in the background."""

import asyncio

__all__ = ["deliver", "deliver_all", "empty_belt", "open_account", "sort_the_depot"]


async def deliver(parcel):
    await asyncio.sleep(0)
    return {"parcel": parcel["parcel"], "status": "delivered"}


async def deliver_all(parcels, most_at_once):
    """Deliver, never more than ``most_at_once`` at the same time; results in the given order."""
    vans = asyncio.Semaphore(most_at_once)

    async def with_a_van(parcel):
        async with vans:
            return await deliver(parcel)

    return await asyncio.gather(*map(with_a_van, parcels))


async def open_account(number, street, *, cabinet, postman):
    await cabinet.file_card(number)
    await postman.bring_leaflet(street)


async def sort_the_depot(gate):
    """Sort for hours. The gate is open meanwhile, and shut whatever happens."""
    gate.append("open")
    try:
        await asyncio.sleep(3600)
    finally:
        gate.append("shut")


async def empty_belt(belt, handle):
    """Handle what is on the belt, until a None comes."""
    while (parcel := await belt.get()) is not None:
        await handle(parcel)
        belt.task_done()
    belt.task_done()
