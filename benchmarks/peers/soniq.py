"""soniq on Postgres or SQLite, with the shortest interval it allows between two looks.

On SQLite with its helper for tests, one job after the other: there its worker runs jobs twice
as soon as it has two slots.
"""

import asyncio

from jobs import arguments, in_hundreds, until
from soniq import Soniq
from soniq.testing import drain


class Peer:
    def __init__(self, url, slots, jobs):
        base, mark, query = url.partition("?")
        # It takes what follows the last slash for the name of the database.
        self.app = Soniq(database_url=base + mark + query.replace("/", "%2F"), poll_interval=0.1)
        self.on_file = not mark
        self.job = self.app.job(name="noop")(jobs.noop)
        self.slots = min(slots, 18)  # each takes a connection of its pool of 20
        self.jobs = jobs

    async def open(self):
        await self.app.setup()

    async def close(self):
        await self.app.close()

    async def enqueue(self, amount):
        for each in arguments(amount):
            await self.app.enqueue("noop", args=each)

    async def enqueue_in_bulk(self, amount):
        for batch in in_hundreds(arguments(amount)):
            await self.app.enqueue_many("noop", batch)

    async def work(self):
        if self.on_file:
            await drain(self.app)
            return
        await self.app.run_worker(concurrency=self.slots, shutdown_event=asyncio.Event())

    async def is_done(self):
        return (await self.app.get_queue_stats())["done"] >= self.jobs.expected

    async def round_trip(self):
        job_id = await self.app.enqueue("noop", args={"number": 0, "text": "x"})

        async def is_over():
            return (await self.app.get_job(job_id))["status"] == "done"

        await until(is_over)
