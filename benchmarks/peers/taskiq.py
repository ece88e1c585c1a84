"""taskiq on Redis: the list broker, and results kept in Redis."""

import asyncio

from jobs import arguments, in_hundreds
from taskiq.api import run_receiver_task
from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend


class Peer:
    def __init__(self, url, slots, jobs):
        results = RedisAsyncResultBackend(url, result_ex_time=600)
        self.broker = ListQueueBroker(url, queue_name="bench").with_result_backend(results)
        self.slots = slots

        @self.broker.task(task_name="noop")
        async def noop(number: int, text: str) -> None:
            await jobs.noop(number, text)

        self.task = noop

    async def open(self):
        await self.broker.startup()

    async def close(self):
        await self.broker.shutdown()

    async def enqueue(self, amount):
        for each in arguments(amount):
            self.last = await self.task.kiq(**each)

    async def enqueue_in_bulk(self, amount):
        for batch in in_hundreds(arguments(amount)):
            sent = await asyncio.gather(*(self.task.kiq(**each) for each in batch))
        self.last = sent[-1]

    async def work(self):
        await run_receiver_task(self.broker, max_async_tasks=self.slots)

    async def is_done(self):
        return await self.last.is_ready()

    async def round_trip(self):
        task = await self.task.kiq(number=0, text="x")
        await task.wait_result(check_interval=0.0005)
