"""A real app on our connector: the jobs end as they do in production."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import procrastinate
import pytest
from procrastinate import exceptions, jobs, sql

from pytest_taskq.adapters import _procrastinate_version
from pytest_taskq.adapters.procrastinate import TaskqConnector
from pytest_taskq.core.errors import BadOption

pytestmark = [pytest.mark.asyncio, pytest.mark.taskq_strict(False)]


def statuses(app):
    return [f"{row.status}/{row.attempts}" for row in app.connector.jobs.values()]


async def run(app, **options):
    await app.run_worker_async(wait=False, **options)


async def test_a_job_is_deferred_run_and_told(app, ran):
    await app.tasks["note"].defer_async(n=1)
    (job,) = app.connector.jobs.values()
    assert (job.status, job.args) == ("todo", {"n": 1})
    await run(app)
    assert ran == [1]
    assert job.status == jobs.Status.SUCCEEDED == job["status"]
    told = [event["type"] for event in app.connector.events[1]]
    assert told == ["deferred", "started", "succeeded"]


async def test_arguments_go_through_strict_json(app, ran):
    note = app.tasks["note"]
    await note.defer_async(n={"pair": (1, 2), 3: None})
    await run(app)
    assert ran == [{"3": None, "pair": [1, 2]}]
    with pytest.raises(TypeError, match=r"args\.n\.at cannot be stored"):
        await note.defer_async(n={"at": datetime.now(UTC)})
    with pytest.raises(exceptions.ConnectorException, match="no word for nan"):
        await note.defer_async(n=float("nan"))


async def test_ones_own_json_is_used(ran):
    connector = TaskqConnector(
        json_dumps=lambda value: '{"n": "mine"}', json_loads=lambda _: {"n": 7}
    )
    app = procrastinate.App(connector=connector)
    seen = []
    task = app.task(name="own")(lambda **given: seen.append(given["n"]))
    async with app.open_async():
        await task.defer_async(n=[object()])
        await run(app)
    assert (seen, connector.jobs[1].args) == ([7], {"n": 7})


async def test_a_lock_runs_its_jobs_in_order_whatever_the_first_waits_for(app, ran, taskq_clock):
    note = app.tasks["note"]
    await note.configure(lock="one", schedule_in={"hours": 1}).defer_async(n=1)
    await note.configure(lock="one").defer_async(n=2)
    await run(app)
    assert ran == []
    taskq_clock.advance(hours=1)
    await run(app)
    assert ran == [1, 2]


async def test_a_retry_whose_queueing_lock_is_taken_leaves_the_job_in_hand(app, caplog):
    @app.task(name="again", queueing_lock="one", retry=1)
    async def again(n):
        if n == 1:
            await again.defer_async(n=2)
            raise ValueError

    await again.defer_async(n=1)
    with caplog.at_level(logging.CRITICAL):
        await run(app)
    assert statuses(app) == ["doing/0", "succeeded/1"]


async def test_a_batch_lands_whole_or_not_at_all(app, ran):
    note = app.tasks["note"].configure(queueing_lock="one")
    with pytest.raises(exceptions.AlreadyEnqueued):
        await note.batch_defer_async({"n": 1}, {"n": 2})
    assert len(app.connector.jobs) == 0
    assert await note.defer_async(n=3) == 3  # the ids of the refused are used up


@pytest.mark.parametrize(("status", "told"), [("succeeded", "cancelled"), ("failed", "cancelled")])
async def test_a_job_that_never_ran_may_be_finished(app, ran, status, told):
    job_id = await app.tasks["note"].defer_async(n=1)
    await app.job_manager.finish_job_by_id_async(job_id, jobs.Status(status), delete_job=False)
    assert statuses(app) == [f"{status}/0"]
    assert app.connector.events[1][-1]["type"] == told


async def test_what_the_database_refuses_is_refused_in_its_words(app, ran):
    manager = app.job_manager
    job_id = await app.tasks["note"].defer_async(n=1)
    with pytest.raises(exceptions.ConnectorException) as refused:
        await manager.finish_job_by_id_async(job_id, jobs.Status.CANCELLED, delete_job=False)
    assert "End status should be either" in str(refused.value.__cause__)
    await run(app)
    for call in (
        manager.finish_job_by_id_async(job_id, jobs.Status.FAILED, delete_job=False),
        manager.finish_job_by_id_async(99, jobs.Status.FAILED, delete_job=True),
        manager.retry_job_by_id_async(job_id, retry_at=datetime.now(UTC)),
        manager.retry_job_by_id_async(99, retry_at=datetime.now(UTC)),
        manager.list_jobs_async(status="nonsense"),
        app.configure_task("note", queue="q" * 41).defer_async(),
        app.configure_task("n" * 129).defer_async(),
        app.configure_task("note", priority=2**31).defer_async(),
    ):
        with pytest.raises(exceptions.ConnectorException):
            await call
    with pytest.raises(exceptions.NoResult):
        await manager.get_job_status_async(99)
    assert statuses(app) == ["succeeded/1"]


async def test_cancelling_says_whether_it_did_anything(app, ran):
    manager, note = app.job_manager, app.tasks["note"]
    kept, deleted = await note.batch_defer_async({"n": 1}, {"n": 2})
    assert not await manager.cancel_job_by_id_async(99)
    assert await manager.cancel_job_by_id_async(deleted, delete_job=True)
    assert await manager.cancel_job_by_id_async(kept, abort=True)
    assert not await manager.cancel_job_by_id_async(kept)
    row = app.connector.jobs[kept]
    assert (row.status, row.abort_requested) == ("cancelled", True)
    assert list(app.connector.jobs) == [kept]


async def test_a_job_in_hand_is_aborted_or_failed_when_it_wants_a_retry(app):
    begun = asyncio.Event()

    @app.task(name="stubborn", retry=True)
    async def stubborn():
        begun.set()
        await asyncio.Event().wait()

    @app.task(name="meek")
    async def meek():
        await stubborn.func()

    ends = []
    for task in (stubborn, meek):
        begun.clear()
        job_id = await task.defer_async()
        running = asyncio.create_task(run(app))
        await begun.wait()
        assert await app.job_manager.cancel_job_by_id_async(job_id, abort=True)
        await running
        row = app.connector.jobs[job_id]
        ends.append((row.status, row.attempts, row.abort_requested))
    assert ends == [("failed", 0, True), ("aborted", 1, False)]


async def test_a_failed_job_can_be_retried_by_hand(app, ran, taskq_clock):
    job_id = await app.tasks["note"].defer_async()  # without the argument that it needs
    await run(app)
    assert statuses(app) == ["failed/1"]
    at = taskq_clock.time() + timedelta(hours=1)
    await app.job_manager.retry_job_by_id_async(job_id, retry_at=at, queue="other", lock="l")
    row = app.connector.jobs[job_id]
    assert (row.status, row.attempts, row.queue, row.lock) == ("todo", 2, "other", "l")
    assert row.scheduled_at == at


async def test_stalled_and_old_jobs_are_found_by_the_clock_of_the_test(app, ran, taskq_clock):
    manager = app.job_manager
    job_id = await app.tasks["note"].defer_async(n=1)
    worker = await manager.register_worker()
    assert (await manager.fetch_job(None, worker)).id == job_id
    assert list(await manager.get_stalled_jobs()) == []
    taskq_clock.advance(minutes=1)
    assert [job.id for job in await manager.get_stalled_jobs()] == [job_id]
    assert await manager.prune_stalled_workers(30) == [worker]
    assert app.connector.jobs[job_id].worker_id is None
    await manager.finish_job_by_id_async(job_id, jobs.Status.SUCCEEDED, delete_job=False)
    await manager.delete_old_jobs(nb_hours=1)
    taskq_clock.advance(hours=2)
    await manager.delete_old_jobs(nb_hours=1)
    assert len(app.connector.jobs) == 0


async def test_queues_tasks_and_locks_are_counted(app, ran):
    note = app.tasks["note"]
    await note.configure(lock="l", queue="a").defer_async(n=1)
    await note.configure(queue="b").defer_async(n=2)
    await run(app, queues=["a"])
    manager = app.job_manager
    queues = {each["name"]: each["todo"] for each in await manager.list_queues_async()}
    assert queues == {"a": 0, "b": 1}
    (task,) = await manager.list_tasks_async()
    assert (task["name"], task["jobs_count"]) == ("note", 2)
    assert [each["name"] for each in await manager.list_locks_async()] == ["l"]


async def test_two_workers_are_both_woken_by_a_new_job(app, ran):
    workers = [asyncio.create_task(app.run_worker_async(queues=[q])) for q in ("a", "b")]
    await asyncio.sleep(0.01)
    for queue in ("a", "b"):
        await app.tasks["note"].configure(queue=queue).defer_async(n=queue)
    await asyncio.sleep(0.01)
    assert sorted(ran) == ["a", "b"]
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)


async def test_it_has_to_be_opened_and_a_sync_call_does_not_fit_into_a_loop():
    app = procrastinate.App(connector=TaskqConnector())
    task = app.task(name="t")(lambda: None)
    with pytest.raises(exceptions.AppNotOpen):
        await task.defer_async()
    async with app.open_async():
        with pytest.raises(RuntimeError, match="defer_async"):
            task.defer()


async def test_the_habits_of_the_shipped_connector_are_there_on_demand():
    app = procrastinate.App(connector=TaskqConnector(compat="memory"))
    seen = []
    task = app.task(name="t")(lambda **given: seen.append(given["when"]))
    moment = datetime.now(UTC)
    task.defer(when=moment)
    await run(app)
    assert seen == [moment]
    await app.job_manager.retry_job_by_id_async(1, retry_at=moment)
    assert statuses(app) == ["todo/2"]
    with pytest.raises(BadOption, match="compat"):
        TaskqConnector(compat="sqlite")


async def test_a_statement_or_a_version_that_is_not_known_says_so(app, monkeypatch):
    with pytest.raises(exceptions.ConnectorException, match="does not know"):
        await app.connector.execute_query_async("SELECT 1")
    assert set(sql.queries) == {
        *(
            name.rpartition("_")[0]
            for name in dir(app.connector)
            if name.rpartition("_")[0] in sql.queries
        ),
        "listen_queue",
        "count_jobs_status",
    }
    monkeypatch.setattr(_procrastinate_version, "_installed", lambda: "2.15.1")
    with pytest.raises(BadOption, match=r"3\.2 to 3\.10"):
        TaskqConnector()
