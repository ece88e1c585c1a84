"""huey on SQLite. It has no async jobs: this is its worker's loop on a sync one, in this thread."""

from huey import SqliteHuey
from jobs import arguments


class Peer:
    def __init__(self, url, slots, jobs):
        self.huey = SqliteHuey("bench", filename=url, results=True, store_none=True)

        @self.huey.task(name="noop")
        def noop(number, text):
            jobs.count()

        self.noop = noop

    async def open(self):
        pass

    async def close(self):
        self.huey.storage.close()

    async def enqueue(self, amount):
        for each in arguments(amount):
            self.noop(**each)

    async def work(self):
        while (task := self.huey.dequeue()) is not None:
            self.huey.execute(task)

    async def is_done(self):
        return self.huey.pending_count() == 0
