"""A courier: on a round in a task of its own until somebody calls it home."""

import asyncio

from parcels.depot import deliver, empty_belt

__all__ = ["Courier"]


class Courier:
    """``whereabouts`` is "depot" before the round, "out" during it and "home" afterwards."""

    def __init__(self):
        self.bag = asyncio.Queue()
        self.receipts = []
        self.whereabouts = "depot"

    async def go_round(self):
        self.whereabouts = "out"
        try:
            self.receipts += await self.hand_out(self.bag)
        finally:
            self.whereabouts = "home"

    async def call_home(self):
        await self.bag.put(None)

    async def finish_round(self):
        """Call home, and come back when all that was in the bag is delivered."""
        await self.call_home()
        await self.bag.join()

    async def hand_out(self, bag):
        receipts = []

        async def ring(parcel):
            receipts.append(await deliver(parcel))

        await empty_belt(bag, ring)
        return receipts
