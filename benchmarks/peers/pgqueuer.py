"""pgqueuer on Postgres, through asyncpg."""

import json

import asyncpg
from jobs import arguments, in_hundreds, until
from pgqueuer import PgQueuer


def encode(each):
    return json.dumps(each).encode()


class Peer:
    def __init__(self, url, slots, jobs):
        self.url = url
        self.slots = slots
        self.jobs = jobs

    async def open(self):
        self.pool = await asyncpg.create_pool(self.url, min_size=4, max_size=12)
        self.manager = PgQueuer.from_asyncpg_pool(self.pool).qm
        self.queries = self.manager.queries
        await self.queries.install()

        @self.manager.entrypoint("noop")
        async def noop(job):
            await self.jobs.noop(**json.loads(job.payload))

    async def close(self):
        await self.pool.close()

    async def enqueue(self, amount):
        for each in arguments(amount):
            await self.queries.enqueue("noop", encode(each))

    async def enqueue_in_bulk(self, amount):
        for batch in in_hundreds([encode(each) for each in arguments(amount)]):
            await self.queries.enqueue(["noop"] * len(batch), batch, [0] * len(batch))

    async def work(self):
        try:
            await self.manager.run(batch_size=self.slots)
        finally:
            self.manager.shutdown.set()

    async def is_done(self):
        return not await self.queries.queue_size()

    async def round_trip(self):
        ids = await self.queries.enqueue("noop", encode({"number": 0, "text": "x"}))

        async def is_over():
            return (await self.queries.job_status(ids))[0][1] == "successful"

        await until(is_over)
