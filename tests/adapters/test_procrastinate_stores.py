"""A real app on any of our stores, with live workers and time that passes."""

import asyncio
from contextlib import asynccontextmanager

import procrastinate
import pytest

from pytest_taskq.adapters.procrastinate import Adopted
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from support.stores import ALL

pytestmark = [pytest.mark.asyncio, pytest.mark.slow, pytest.mark.parametrize("backend", ALL)]


@asynccontextmanager
async def app_on(backends, backend, app):
    """The app on a fresh store, on a held clock that the loop follows."""
    async with backends.fresh(backend) as store:
        adopted = Adopted(app, Queue(store, Clock("held")))
        with adopted.connector.queue.clock.in_loop():
            yield adopted.app, adopted.connector.queue.clock
        adopted.close()


async def test_two_workers_share_the_jobs_and_wait_for_their_instants(backends, backend, taskq_app):
    async with app_on(backends, backend, taskq_app) as (app, clock):
        begin, ran = clock.time(), []

        @app.task(name="note", retry=procrastinate.RetryStrategy(max_attempts=2, wait=600))
        async def note(n):
            ran.append((n, round((clock.time() - begin).total_seconds() / 60)))
            if len(ran) < 3:
                raise ValueError

        workers = [asyncio.create_task(app.run_worker_async()) for _ in range(2)]
        await clock.elapse(minutes=1)
        later = note.configure(lock="one", queueing_lock="single", schedule_in={"hours": 1})
        await later.defer_async(n=1)
        with pytest.raises(procrastinate.exceptions.AlreadyEnqueued):
            await later.defer_async(n=2)
        await clock.elapse(hours=2)
        assert ran == [(1, 61), (1, 71), (1, 81)]
        for worker in workers:
            worker.cancel()
        await asyncio.wait(workers)
        (job,) = await app.job_manager.list_jobs_async()
        assert (job.status, job.attempts) == ("succeeded", 3)


async def test_a_job_in_hand_is_aborted(backends, backend, taskq_app):
    async with app_on(backends, backend, taskq_app) as (app, _):
        begun = asyncio.Event()

        @app.task(name="wait")
        async def wait():
            begun.set()
            await asyncio.Event().wait()

        job_id = await wait.defer_async()
        running = asyncio.create_task(app.run_worker_async(wait=False))
        await begun.wait()
        assert await app.job_manager.cancel_job_by_id_async(job_id, abort=True)
        await running
        (job,) = await app.job_manager.list_jobs_async()
        assert job.status == "aborted"
