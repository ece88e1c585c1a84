"""The job manager: jobs by their ids, lists, stalled and old jobs."""

import asyncio
from datetime import timedelta

import pytest

from pytest_taskq.procrastinate.exceptions import (
    AlreadyEnqueued,
    ConnectorException,
    NoResult,
    UniqueViolation,
)
from pytest_taskq.procrastinate.jobs import Status

pytestmark = [pytest.mark.asyncio, pytest.mark.taskq_strict(False)]


@pytest.fixture
def manager(app, ran):
    return app.job_manager


@pytest.fixture
def note(app, ran):
    return app.tasks["note"]


async def test_it_tells_the_status_of_a_job(manager, note):
    job_id = await note.defer_async(n=1)
    assert await manager.get_job_status_async(job_id) is Status.TODO
    with pytest.raises(NoResult):
        await manager.get_job_status_async(99)
    with pytest.raises(RuntimeError, match="get_job_status_async"):
        manager.get_job_status(job_id)


async def test_it_defers_several_jobs_or_none(manager, app):
    jobs = [app.configure_task("note", queue=queue).job for queue in ("a", "b")]
    stored = await manager.batch_defer_jobs_async(jobs)
    assert [(job.id, job.queue, job.status) for job in stored] == [
        (1, "a", "todo"),
        (2, "b", "todo"),
    ]
    one = app.configure_task("note", queueing_lock="one").job
    with pytest.raises(AlreadyEnqueued, match="'one' is held by job 3"):
        await manager.batch_defer_jobs_async([one, one])
    assert len(app.connector.jobs) == 2


async def test_a_job_that_waits_is_cancelled_or_deleted(manager, note, app):
    kept, gone = await note.batch_defer_async({"n": 1}, {"n": 2})
    assert await manager.cancel_job_by_id_async(kept)
    assert await manager.cancel_job_by_id_async(gone, delete_job=True)
    assert not await manager.cancel_job_by_id_async(kept)
    assert not await manager.cancel_job_by_id_async(99)
    assert [row.status for row in app.connector.jobs.values()] == ["cancelled"]


async def test_a_job_that_waits_is_cancelled_and_keeps_the_request_to_abort_it(manager, note, app):
    asked, scheduled = (
        await note.defer_async(),
        await note.configure(schedule_in={"hours": 1}).defer_async(),
    )
    assert await manager.cancel_job_by_id_async(asked, abort=True)
    assert await manager.cancel_job_by_id_async(scheduled, abort=True)
    jobs = app.connector.jobs
    assert [row.status for row in jobs.values()] == ["cancelled", "cancelled"]
    assert [row.abort_requested for row in jobs.values()] == [True, True]
    assert jobs[asked].scheduled_at is None
    assert jobs[scheduled].scheduled_at is not None
    told = [event["type"] for event in app.connector.events[asked]]
    assert told == ["deferred", "cancelled", "abort_requested"]


async def test_a_failed_job_is_retried_by_hand(manager, note, app, ran, taskq_clock):
    job_id = await note.defer_async()
    await app.run_worker_async(wait=False)
    at = taskq_clock.time() + timedelta(hours=1)
    await manager.retry_job_by_id_async(job_id, at, priority=3, queue="other", lock="l")
    row = app.connector.jobs[job_id]
    assert (row.status, row.attempts, row.priority, row.queue) == ("todo", 2, 3, "other")
    assert (row.lock, row.scheduled_at) == ("l", at)
    with pytest.raises(ConnectorException, match="cannot be retried"):
        await manager.retry_job_by_id_async(job_id, at)
    with pytest.raises(ConnectorException, match="no job 99"):
        await manager.retry_job_by_id_async(99, at)


async def test_a_retry_waits_for_its_queueing_lock(manager, note, app, taskq_clock):
    locked = note.configure(queueing_lock="one")
    job_id = await locked.defer_async()
    await app.run_worker_async(wait=False)
    await locked.defer_async(n=2)
    with pytest.raises(UniqueViolation, match="'one'"):
        await manager.retry_job_by_id_async(job_id, taskq_clock.time())


@pytest.mark.parametrize("status", ["succeeded", "failed", "aborted"])
async def test_a_job_is_finished_by_hand(manager, note, app, status):
    waits, runs = await note.batch_defer_async({"n": 1}, {"n": 2})
    worker = await manager.register_worker()
    await manager.finish_job_by_id_async(waits, Status(status), delete_job=False)
    assert (await manager.fetch_job(None, worker)).id == runs
    await manager.finish_job_by_id_async(runs, Status(status), delete_job=False)
    assert [(row.status, row.attempts) for row in app.connector.jobs.values()] == [
        (status, 0),
        (status, 1),
    ]
    with pytest.raises(ConnectorException, match="cannot be finished"):
        await manager.finish_job_by_id_async(runs, Status.FAILED, delete_job=True)


async def test_it_lists_jobs_queues_tasks_and_locks(manager, note, app):
    await note.configure(lock="l", queue="a").defer_async(n=1)
    await note.defer_async(n=2)
    await app.run_worker_async(wait=False, queues=["a"])
    assert [job.task_kwargs for job in await manager.list_jobs_async(queue="a")] == [{"n": 1}]
    queues = {each["name"]: each for each in await manager.list_queues_async()}
    assert (queues["a"]["succeeded"], queues["default"]["todo"]) == (1, 1)
    assert [each["jobs_count"] for each in await manager.list_tasks_async()] == [2]
    assert [each["name"] for each in await manager.list_locks_async()] == ["l"]
    with pytest.raises(ConnectorException, match="no status"):
        await manager.list_jobs_async(status="nonsense")


async def test_a_job_is_stalled_when_its_worker_is_silent(manager, note, taskq_clock):
    await note.defer_async(n=1)
    worker = await manager.register_worker()
    job = await manager.fetch_job(None, worker)
    assert await manager.get_stalled_jobs() == []
    taskq_clock.advance(seconds=31)
    assert [each.id for each in await manager.get_stalled_jobs()] == [job.id]
    assert await manager.get_stalled_jobs(nb_seconds=60) == []
    assert await manager.prune_stalled_workers(30) == [worker]
    with pytest.raises(ConnectorException, match="not registered"):
        await manager.fetch_job(None, worker)


async def test_a_stalled_job_is_not_run_again_by_itself(manager, note, app, ran, taskq_clock):
    await note.defer_async(n=1)
    await manager.fetch_job(None, await manager.register_worker())
    taskq_clock.advance(days=1)
    await app.run_worker_async(wait=False)
    assert ran == []
    (stalled,) = await manager.get_stalled_jobs()
    await manager.retry_job(stalled)
    await app.run_worker_async(wait=False)
    assert ran == [1]


async def test_a_job_in_hand_of_a_live_worker_is_not_stalled(manager, app, taskq_clock):
    @app.task(name="long")
    async def long():
        await asyncio.sleep(7200)

    await long.defer_async()
    worker = asyncio.create_task(app.run_worker_async())
    await taskq_clock.elapse(hours=1)
    assert await manager.get_stalled_jobs() == []
    await taskq_clock.elapse(hours=2)
    worker.cancel()
    await asyncio.wait({worker})
    assert app.connector.jobs[0].status == "succeeded"


async def test_old_jobs_are_deleted(manager, note, app, taskq_clock):
    await note.batch_defer_async({"n": 1}, {})
    await app.run_worker_async(wait=False)
    taskq_clock.advance(hours=2)
    await manager.delete_old_jobs(nb_hours=1)
    assert [row.status for row in app.connector.jobs.values()] == ["failed"]
    await manager.delete_old_jobs(nb_hours=1, include_failed=True)
    assert len(app.connector.jobs) == 0
