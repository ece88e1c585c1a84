"""A unique job that returns to the queue after another one like it was enqueued."""

import asyncio
from datetime import timedelta

import pytest

from pytest_taskq.soniq import JobContext, Snooze, make_app

pytestmark = pytest.mark.asyncio

NAMES = pytest.mark.parametrize("option", [{"unique": True}, {"dedup_key": "k"}], ids=str)


@pytest.fixture
def app(soniq_app, taskq_clock):
    """An app whose job ``sync`` enqueues its twin while it runs for the first time."""

    @soniq_app.job(name="sync", max_retries=1, retry_delay=60)
    async def sync(ctx: JobContext):
        ran.append(ctx.job_id)
        if len(ran) == 1:
            soniq_app.twin = await soniq_app.enqueue("sync", scheduled_at=30, **soniq_app.option)
            if soniq_app.end is None:
                raise ConnectionError
            return soniq_app.end
        return None

    ran = soniq_app.ran = []
    return soniq_app


@NAMES
@pytest.mark.parametrize("end", [None, Snooze(60)], ids=["retry", "snooze"])
async def test_it_goes_back_beside_its_twin(app, taskq_clock, option, end):
    app.option, app.end = option, end
    first = await app.enqueue("sync", **option)
    await app.run_worker(run_once=True)
    assert first != app.twin
    assert {row["id"] for row in await app.list_jobs(status="queued")} == {first, app.twin}

    taskq_clock.advance(60)
    await app.run_worker(run_once=True)
    assert app.ran == [first, app.twin, first]
    assert (await app.get_queue_stats())["done"] == 2


@NAMES
@pytest.mark.parametrize("end", [None, Snooze(60)], ids=["retry", "snooze"])
async def test_it_still_stands_for_those_that_are_enqueued_later(app, taskq_clock, option, end):
    app.option, app.end = option, end
    first = await app.enqueue("sync", **option)
    await app.run_worker(run_once=True)
    await app.cancel_job(app.twin)
    assert await app.enqueue("sync", **option) == first

    taskq_clock.advance(60)
    await app.run_worker(run_once=True)
    assert await app.enqueue("sync", **option) != first


@NAMES
async def test_it_goes_back_too_when_its_worker_is_stopped_by_force(option):
    app = make_app(shutdown_timeout=0.1)
    started, stop = asyncio.Event(), asyncio.Event()

    @app.job(name="endless")
    async def endless():
        started.set()
        await asyncio.Event().wait()

    first = await app.enqueue("endless", **option)
    run = asyncio.create_task(app.run_worker(shutdown_event=stop))
    await started.wait()
    twin = await app.enqueue("endless", scheduled_at=60, **option)
    stop.set()
    await run
    assert {row["id"] for row in await app.list_jobs(status="queued")} == {first, twin}
    assert (await app.get_job(first))["attempts"] == 1


@NAMES
async def test_it_goes_back_too_when_its_worker_is_gone(app, taskq_clock, option):
    app.ran.append("nothing is to be enqueued")
    first = await app.enqueue("sync", **option)
    leases = app.backend.queue.leases
    await leases.claim("gone", 1)
    assert await app.enqueue("sync", scheduled_at=86_400, **option) != first
    taskq_clock.advance(leases.length / 1e6)
    await app.run_worker(run_once=True)
    assert app.ran[1:] == [first]


async def test_a_job_whose_worker_is_gone_is_due_as_it_was(app, taskq_clock):
    due = taskq_clock.time() + timedelta(seconds=10)
    order = await app.enqueue("sync", scheduled_at=due)
    taskq_clock.advance(60)
    leases = app.backend.queue.leases
    await leases.claim("gone", 1)
    taskq_clock.advance(leases.length / 1e6)
    assert await app.run_worker(run_once=True, queues=["elsewhere"]) is False
    row = await app.get_job(order)
    assert (row["status"], row["scheduled_at"]) == ("queued", due.isoformat())
