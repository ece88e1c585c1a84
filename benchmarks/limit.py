"""The least that can be called a queue: a heap, a record for each job, one asyncio task a job.

What the engine costs is told as a multiple of this, measured in the same run.
"""

import asyncio
import heapq
import time


class Limit:
    """Keeps, orders and runs jobs, and does nothing else for them."""

    def __init__(self, function):
        self.function = function
        self.heap = []
        self.records = {}

    async def enqueue(self, amount):
        for number in range(amount):
            now = time.time()
            self.records[number] = {
                "id": number,
                "task": "noop",
                "kwargs": {"number": number, "text": "x"},
                "state": "queued",
                "due": now,
                "created": now,
                "attempts": 0,
                "finished": None,
                "result": None,
            }
            heapq.heappush(self.heap, (now, number))

    async def drain(self):
        while self.heap and self.heap[0][0] <= time.time():
            await asyncio.create_task(self.run_one())

    async def run_one(self):
        _, number = heapq.heappop(self.heap)
        record = self.records[number]
        record["state"] = "running"
        record["attempts"] += 1
        record["result"] = await self.function(**record["kwargs"])
        record["state"] = "succeeded"
        record["finished"] = time.time()
