"""procrastinate on Postgres, through psycopg."""

import procrastinate
from jobs import arguments, in_hundreds, until

UNFINISHED = "SELECT count(*) AS amount FROM procrastinate_jobs WHERE status <> 'succeeded'"


class Peer:
    def __init__(self, url, slots, jobs):
        connector = procrastinate.PsycopgConnector(conninfo=url, min_size=4, max_size=14)
        self.app = procrastinate.App(connector=connector)
        self.task = self.app.task(name="noop")(jobs.noop)
        self.slots = slots

    async def open(self):
        await self.app.open_async()
        await self.app.schema_manager.apply_schema_async()

    async def close(self):
        await self.app.close_async()

    async def enqueue(self, amount):
        for each in arguments(amount):
            await self.task.defer_async(**each)

    async def enqueue_in_bulk(self, amount):
        for batch in in_hundreds(arguments(amount)):
            await self.task.batch_defer_async(*batch)

    async def work(self):
        await self.app.run_worker_async(concurrency=self.slots, install_signal_handlers=False)

    async def is_done(self):
        return (await self.app.connector.execute_query_one_async(UNFINISHED))["amount"] == 0

    async def round_trip(self):
        job_id = await self.task.defer_async(number=0, text="x")

        async def is_over():
            status = await self.app.job_manager.get_job_status_async(job_id)
            return status.value == "succeeded"

        await until(is_over)
