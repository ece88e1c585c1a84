"""A worker: takes parcels from its bag until it is told to stop."""

import asyncio

from parcels.depot import deliver

__all__ = ["Courier"]


class Courier:
    """Runs in a task of its own; ``stop`` or ``shutdown`` from another one ends it."""

    def __init__(self):
        self.bag = asyncio.Queue()
        self.delivered = []
        self._running = False
        self._stopped = False

    def is_running(self):
        return self._running

    def is_stopped(self):
        return self._stopped

    async def run(self):
        self._running = True
        try:
            self.delivered += await self.process_queue(self.bag)
        finally:
            self._running = False
            self._stopped = True

    async def stop(self):
        await self.bag.put(None)

    async def shutdown(self):
        """Stop, and come back when the parcels in the bag are delivered."""
        await self.stop()
        await self.bag.join()

    async def process_queue(self, queue):
        results = []
        while (parcel := await queue.get()) is not None:
            results.append(await deliver(parcel))
            queue.task_done()
        queue.task_done()
        return results
