"""saq on Redis."""

import asyncio
import contextlib

import redis.asyncio
from jobs import arguments, in_hundreds, until
from saq import Worker
from saq.queue.redis import RedisQueue


class Peer:
    def __init__(self, url, slots, jobs):
        self.redis = redis.asyncio.Redis.from_url(url, max_connections=300)
        self.queue = RedisQueue(self.redis, name="bench")
        self.slots = slots
        self.jobs = jobs

    async def open(self):
        await self.queue.connect()

    async def close(self):
        await self.queue.disconnect()

    async def enqueue(self, amount):
        for each in arguments(amount):
            await self.queue.enqueue("noop", **each)

    async def enqueue_in_bulk(self, amount):
        for batch in in_hundreds(arguments(amount)):
            await asyncio.gather(*(self.queue.enqueue("noop", **each) for each in batch))

    async def work(self):
        async def noop(context, number, text):
            await self.jobs.noop(number, text)

        worker = Worker(self.queue, [("noop", noop)], concurrency=self.slots)
        worker.SIGNALS = []
        try:
            await worker.start()
        finally:
            with contextlib.suppress(asyncio.CancelledError):
                await worker.stop()

    async def is_done(self):
        return await self.queue.count("incomplete") == 0

    async def round_trip(self):
        job = await self.queue.enqueue("noop", number=0, text="x")

        async def is_over():
            await job.refresh()
            return job.completed

        await until(is_over)
