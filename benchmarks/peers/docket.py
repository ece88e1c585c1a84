"""docket on Redis, with the check interval of its testing guide."""

from datetime import timedelta

from docket import Docket, Worker
from jobs import arguments, in_hundreds

INTERVAL = timedelta(milliseconds=5)


class Peer:
    def __init__(self, url, slots, jobs):
        self.docket = Docket(name="bench", url=url)
        self.slots = min(slots, 50)  # its pool has 100 connections
        self.jobs = jobs

    async def open(self):
        async def noop(number: int, text: str) -> None:
            await self.jobs.noop(number, text)

        self.noop = noop
        await self.docket.__aenter__()
        self.docket.register(noop)

    async def close(self):
        await self.docket.__aexit__(None, None, None)

    async def enqueue(self, amount):
        for each in arguments(amount):
            await self.docket.add(self.noop)(**each)

    async def enqueue_in_bulk(self, amount):
        for batch in in_hundreds(arguments(amount)):
            await self.docket.add_many(self.docket.call(self.noop)(**each) for each in batch)

    async def work(self):
        async with Worker(
            self.docket,
            concurrency=self.slots,
            minimum_check_interval=INTERVAL,
            scheduling_resolution=INTERVAL,
        ) as worker:
            await worker.run_forever()

    async def is_done(self):
        snapshot = await self.docket.snapshot()
        return not snapshot.running and not snapshot.future

    async def round_trip(self):
        execution = await self.docket.add(self.noop)(number=0, text="x")
        await execution.get_result()
