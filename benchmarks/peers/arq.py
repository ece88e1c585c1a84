"""arq on Redis. Its worker looks for jobs every 5 ms; by default it is every half second."""

import asyncio
from urllib.parse import urlsplit

from arq.connections import RedisSettings, create_pool
from arq.worker import Worker, func
from jobs import arguments, in_hundreds, until


class Peer:
    def __init__(self, url, slots, jobs):
        self.url = url
        self.slots = slots
        self.jobs = jobs

    async def open(self):
        self.redis = await create_pool(RedisSettings(unix_socket_path=urlsplit(self.url).path))

    async def close(self):
        await self.redis.aclose()

    async def enqueue(self, amount):
        for each in arguments(amount):
            await self.redis.enqueue_job("noop", **each)

    async def enqueue_in_bulk(self, amount):
        for batch in in_hundreds(arguments(amount)):
            await asyncio.gather(*(self.redis.enqueue_job("noop", **each) for each in batch))

    async def work(self):
        async def noop(context, number, text):
            await self.jobs.noop(number, text)

        worker = Worker(
            [func(noop, name="noop")],
            redis_pool=self.redis,
            max_jobs=self.slots,
            poll_delay=0.005,
            handle_signals=False,
        )
        await worker.main()

    async def is_done(self):
        return await self.redis.zcard("arq:queue") == 0

    async def round_trip(self):
        job = await self.redis.enqueue_job("noop", number=0, text="x")

        async def is_over():
            return await job.result_info() is not None

        await until(is_over)
