"""What a test reads and writes on the connector itself, as on the shipped one."""

from collections import defaultdict
from datetime import UTC, datetime

import procrastinate
import pytest
import pytest_asyncio

from pytest_taskq.adapters.procrastinate import TaskqConnector
from pytest_taskq.core.errors import BadOption

pytestmark = [pytest.mark.asyncio, pytest.mark.taskq_strict(False)]


@pytest.fixture
def connector():
    return TaskqConnector()


@pytest_asyncio.fixture
async def opened(connector):
    async with procrastinate.App(connector=connector).open_async() as app:
        yield app


async def test_the_statements_can_be_forgotten_in_the_middle_of_a_test(connector, opened):
    await opened.check_connection_async()
    connector.queries.clear()
    await opened.job_manager.list_queues_async()
    assert [name for name, _ in connector.queries] == ["list_queues"]
    connector.queries = []
    await opened.check_connection_async()
    assert connector.queries == [("check_connection", {})]


async def test_of_the_statements_the_last_thousand_are_kept(connector, opened):
    for _ in range(501):
        await opened.check_connection_async()
    early = connector.queries
    await opened.job_manager.get_stalled_jobs()
    for _ in range(500):
        await opened.check_connection_async()
    assert connector.queries is early
    assert len(early) == 1000
    assert [name for name, _ in early].index("select_stalled_jobs_by_heartbeat") == 499


async def test_a_test_may_name_the_statements_itself(connector, opened):
    connector.reverse_queries = defaultdict(lambda: "check_connection")
    assert await connector.execute_query_one_async("SELECT 1") == {"check": True}


async def test_a_tick_that_a_test_says_was_deferred_is_not_deferred_again(connector, opened):
    task = opened.task(name="tick")(lambda timestamp: None)
    connector.periodic_defers["tick", "here"] = 60
    ids = [
        await opened.job_manager.defer_periodic_job(
            job=task.configure(task_kwargs={"timestamp": at}).job,
            periodic_id=where,
            defer_timestamp=at,
        )
        for where, at in (("here", 60), ("there", 60), ("here", 120))
    ]
    assert ids == [None, 1, 2]


async def test_a_worker_gets_a_number_that_none_has_yet(connector, opened):
    connector.workers = {1: connector.queue.clock.time(), 2: connector.queue.clock.time()}
    assert await opened.job_manager.register_worker() == 3
    await opened.job_manager.unregister_worker(3)
    assert list(connector.workers) == [1, 2]


async def test_jobs_put_there_by_a_test_are_those_of_their_workers(connector, opened):
    connector.workers = {2: datetime(2000, 1, 1, tzinfo=UTC), 3: connector.queue.clock.time()}
    row = {"status": "doing", "queue_name": "q", "task_name": "t"}
    connector.jobs = {job_id: {**row, "worker_id": job_id} for job_id in (1, 2, 3)}
    assert [job.worker_id for job in connector.jobs.values()] == [None, 2, 3]
    stalled = await opened.job_manager.get_stalled_jobs(queue="q", task_name="t")
    assert [job.id for job in stalled] == [1, 2]
    connector.jobs = {3: {"status": "todo"}}
    assert connector.jobs[3].worker_id is None


async def test_jobs_put_there_by_a_test_have_their_own_arguments():
    connector = TaskqConnector(compat="memory")
    app = procrastinate.App(connector=connector)
    seen = []
    task = app.task(name="t")(lambda **given: seen.append(given))
    await task.defer_async(n=1)
    connector.jobs = {1: {"task_name": "t", "args": {"n": 2}}}
    await app.run_worker_async(wait=False)
    assert seen == [{"n": 2}]


async def test_a_job_is_given_a_status_by_hand(connector, opened):
    job_id = await opened.configure_task("t", lock="l").defer_async(n=1)
    told = []
    for status in ("failed", "doing", "aborted", "cancelled", "todo"):
        await connector.set_job_status_run(job_id, status)
        told.append((await opened.job_manager.get_job_status_async(job_id)).value)
        assert connector.current_locks == ({"l"} if status == "doing" else set())
    assert told == ["failed", "doing", "aborted", "cancelled", "todo"]
    row = connector.jobs[job_id]
    assert (row.attempts, row.args, row.lock) == (0, {"n": 1}, "l")
    with pytest.raises(BadOption, match="no such status"):
        await connector.set_job_status_run(job_id, "done")
    with pytest.raises(BadOption, match="no such status"):
        connector.jobs = {1: {"status": "done"}}
    with pytest.raises(KeyError, match="no job 7"):
        await connector.set_job_status_run(7, "failed")


async def test_with_the_habits_of_memory_any_end_and_any_retry_is_taken():
    connector = TaskqConnector(compat="memory")
    app = procrastinate.App(connector=connector)
    manager = app.job_manager
    await app.configure_task("t", queueing_lock="one").defer_async()
    worker = await manager.register_worker()
    await manager.fetch_job(None, worker)
    await connector.finish_job_run(1, "done", delete_job=False)
    row = connector.jobs[1]
    assert (row.status, row.attempts) == ("done", 1)
    at = datetime(2000, 1, 1, tzinfo=UTC)
    await manager.retry_job_by_id_async(1, at, priority=7, queue="q", lock="l")
    assert (row.status, row.attempts, row.scheduled_at) == ("todo", 2, at)
    assert (row.priority, row.queue, row.lock, row.queueing_lock) == (7, "q", "l", "one")
    await connector.finish_job_run(1, "aborted", delete_job=False)
    assert row.status == "aborted"
    await manager.retry_job_by_id_async(1, at)
    assert (row.status, row.attempts) == ("todo", 4)


async def test_a_column_of_a_job_is_set_by_hand(connector, opened):
    seen = []
    task = opened.task(name="t")(lambda **given: seen.append(given))
    job_id = await task.configure(schedule_in={"hours": 1}, queue="a").defer_async(n=1)
    job = connector.jobs[job_id]
    job["args"] = {"n": 2}
    job["queue"] = "b"
    await opened.run_worker_async(wait=False, queues=["b"])
    assert seen == []
    job["scheduled_at"] = connector.queue.clock.time()
    await opened.run_worker_async(wait=False, queues=["a"])
    await opened.run_worker_async(wait=False, queues=["b"])
    assert (seen, job.status, job.attempts) == ([{"n": 2}], "succeeded", 1)
    job["status"] = "doing"
    assert [each.id for each in await opened.job_manager.get_stalled_jobs()] == [job_id]
    connector.workers = {5: connector.queue.clock.time()}
    job["worker_id"] = 5
    assert job.worker_id == 5
    assert await opened.job_manager.get_stalled_jobs() == []
    with pytest.raises(BadOption, match="no such column"):
        job["heartbeat"] = None
