"""What happens to a parcel after its sender has gone home."""

import logging
from datetime import timedelta
from typing import Annotated

from docket import (
    CurrentDocket,
    Depends,
    Docket,
    Logged,
    Perpetual,
    Retry,
    TaskKey,
    TaskLogger,
)
from docket.dependencies import ConcurrencyLimit

from postoffice.depot import Depot, NobodyHome, Status, the_depot

TRIES = 3


def delivery_key(number: int) -> str:
    return f"deliver:{number}"


async def deliver(
    number: Annotated[int, Logged],
    depot: Depot = Depends(the_depot),
    docket: Docket = CurrentDocket(),
    retry: Retry = Retry(attempts=TRIES, delay=timedelta(milliseconds=20)),
    limit: ConcurrencyLimit = ConcurrencyLimit(max_concurrent=2),
) -> str:
    """Ring at the receiver's door, three times at most; then the parcel goes back."""
    parcel = depot.parcels[number]
    try:
        await depot.carrier.ring(parcel.receiver)
    except NobodyHome:
        if retry.attempt == TRIES:
            await docket.add(give_back, key=f"back:{number}")(number)
        raise
    parcel.status = Status.DELIVERED
    await docket.add(write)(parcel.sender, f"Parcel {number} has arrived")
    return parcel.receiver


async def give_back(
    number: int, depot: Depot = Depends(the_depot), docket: Docket = CurrentDocket()
) -> None:
    """Return a parcel to who sent it."""
    parcel = depot.parcels[number]
    parcel.status = Status.RETURNED
    await docket.add(write)(parcel.sender, f"Parcel {number} is back")


async def write(
    to: str,
    text: str,
    depot: Depot = Depends(the_depot),
    key: str = TaskKey(),
    logger: "logging.LoggerAdapter[logging.Logger]" = TaskLogger(),
) -> None:
    """Send a letter."""
    logger.info("letter %s to %s", key, to)
    depot.letters.append((to, text))


async def make_round(
    depot: Depot = Depends(the_depot),
    perpetual: Perpetual = Perpetual(every=timedelta(milliseconds=30), automatic=True),
) -> None:
    """Count the parcels that are still here, again and again."""
    here = [parcel for parcel in depot.parcels.values() if parcel.status is Status.ACCEPTED]
    depot.rounds.append(len(here))


tasks = [deliver, give_back, write, make_round]
