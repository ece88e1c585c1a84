"""The user's own app for the length of a test: its tasks follow, and time is the test's."""

import asyncio
from datetime import UTC, datetime, timedelta

import procrastinate
import procrastinate.testing
import pytest
from procrastinate import utils
from procrastinate.connector import BaseAsyncConnector as Base
from procrastinate.exceptions import ConnectorException

from pytest_taskq import job
from pytest_taskq.adapters.procrastinate import Adopted, TaskqConnector
from pytest_taskq.core.instants import to_instant
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.under_test import Bounds, Call
from pytest_taskq.stores.memory import MemoryStore

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)

pytestmark = [pytest.mark.asyncio, pytest.mark.taskq_time(start=NOON, mode="held")]


@pytest.fixture
def at(app, taskq_clock):
    """The minutes after noon at which the task `look` ran."""
    at = []

    @app.task(name="look", retry=procrastinate.RetryStrategy(max_attempts=3, wait=600))
    async def look(fails=0):
        at.append((taskq_clock.time() - NOON) / timedelta(minutes=1))
        if len(at) <= fails:
            raise ValueError(f"failed {len(at)}")

    return at


async def test_the_app_is_the_users_own_and_as_before_afterwards():
    connector = procrastinate.testing.InMemoryConnector()
    own = procrastinate.App(connector=connector)
    task = own.task(name="t")(lambda: None)
    utcnow = utils.utcnow
    adopted = Adopted(own, Queue(MemoryStore(), Clock("held")))
    own.task(name="of the test")(lambda: None)
    await task.defer_async()
    assert adopted.app is own
    assert (len(adopted.connector.jobs), len(connector.jobs)) == (1, 0)
    adopted.close()
    assert (own.connector, own.job_manager.connector, utils.utcnow) == (
        connector,
        connector,
        utcnow,
    )
    assert "of the test" not in own.tasks
    assert "_worker" not in vars(own)


async def test_both_fixtures_speak_of_one_connector(app, in_memory_connector, taskq_app):
    assert app is taskq_app
    assert app.connector is in_memory_connector
    assert isinstance(in_memory_connector, TaskqConnector)


async def test_schedules_and_retries_are_on_the_clock_of_the_test(app, at, taskq_clock):
    await app.tasks["look"].configure(schedule_in={"minutes": 30}).defer_async(fails=1)
    await app.run_worker_async(wait=False)
    assert at == []
    taskq_clock.advance(minutes=30)
    await app.run_worker_async(wait=False)
    assert app.connector.jobs[0].scheduled_at == NOON + timedelta(minutes=40)
    worker = asyncio.create_task(app.run_worker_async())
    await taskq_clock.elapse(days=14)
    assert at == [30, 40]
    worker.cancel()
    await asyncio.wait({worker})


async def test_a_periodic_task_ticks_at_its_instants_and_not_by_the_wall(app, taskq_clock):
    ticks = []

    @app.periodic(cron="*/20 * * * *")
    @app.task(name="chime")
    async def chime(timestamp):
        ticks.append((timestamp - int(NOON.timestamp())) // 60)

    await app.run_worker_async(wait=False)
    assert ticks == []
    taskq_clock.advance(minutes=40)
    await app.run_worker_async(wait=False)
    assert ticks == [20, 40]
    workers = [asyncio.create_task(app.run_worker_async()) for _ in range(2)]
    await taskq_clock.elapse(minutes=40)
    assert ticks == [20, 40, 60, 80]
    assert app.connector.periodic_defers == {("chime", ""): int(NOON.timestamp()) + 4800}
    for worker in workers:
        worker.cancel()
    await asyncio.wait(workers)


async def test_a_live_worker_is_not_stalled_however_much_time_has_passed(app, at, taskq_clock):
    worker = asyncio.create_task(app.run_worker_async())
    await taskq_clock.elapse(days=1)
    assert await app.job_manager.prune_stalled_workers(30) == []
    worker.cancel()
    await asyncio.wait({worker})
    assert app.connector.workers == {}


async def test_a_worker_takes_what_another_one_has_let_go(app, taskq_clock):
    order = []

    @app.task(name="slow", lock="one")
    async def slow(n):
        await asyncio.sleep(60)
        order.append((n, (taskq_clock.time() - NOON).total_seconds()))

    workers = [asyncio.create_task(app.run_worker_async()) for _ in range(2)]
    await slow.batch_defer_async({"n": 1}, {"n": 2})
    await taskq_clock.elapse(minutes=5)
    assert order == [(1, 60), (2, 120)]
    for worker in workers:
        worker.cancel()
    await asyncio.wait(workers)


async def test_the_harness_drains_the_app_and_knows_what_its_tasks_raised(app, at, taskq):
    await app.tasks["look"].defer_async(fails=2)
    ran = await taskq.drain(until="1h", errors="retry")
    assert ran == [job("look", fails=2)] * 3
    assert at == [0, 10, 20]
    assert taskq.clock.time() == NOON + timedelta(hours=1)
    errors = [str(error) for _, error in taskq.apps[0].history.errors()]
    assert errors == ["failed 1", "failed 2"]


async def test_an_error_of_a_task_ends_a_drain_that_does_not_expect_it(app, at, taskq):
    await app.tasks["look"].defer_async(fails=1)
    with pytest.raises(ValueError, match="failed 1"):
        await taskq.drain()


async def test_the_harness_knows_tasks_and_their_delays(app, at, taskq):
    (under,) = taskq.apps
    info = under.tasks()["look"]
    assert info.function is app.tasks["look"].func
    assert info.delay(1, ValueError()) == timedelta(minutes=10)
    assert info.delay(4, ValueError()) is None
    app.task(name="once")(lambda: None)
    assert under.tasks()["once"].delay is None
    assert under.name_of(info.function) == under.name_of(app.tasks["look"]) == "look"
    later = to_instant(NOON + timedelta(hours=1))
    stored = await under.enqueue(Call("look", args=(0,), at=later, attempt=2))
    assert (stored.due_at, stored.attempt, under.tell(stored).kwargs) == (later, 1, {"fails": 0})
    with pytest.raises(TypeError, match="cannot be deferred"):
        await under.enqueue(Call("look", args=(1, 2)))
    assert await under.run(Bounds(until=later, attempts=1)) == 1
    assert at == [60]


async def test_what_escapes_a_task_ends_the_run(app):
    @app.task(name="impatient")
    async def impatient():
        pytest.fail("enough")

    await impatient.defer_async()
    with pytest.raises(pytest.fail.Exception, match="enough"):
        await app.run_worker_async(wait=False)


async def test_a_worker_raises_on_demand_what_a_task_raised(app, at):
    look = app.tasks["look"]
    await look.defer_async(fails=1)
    with pytest.raises(ValueError, match="failed 1"):
        await app.run_worker_async(wait=False, raise_errors=True)
    await look.defer_async()
    await app.run_worker_async(wait=False, raise_errors=True)
    assert len(at) == 2


async def test_what_workers_are_given_by_default_may_say_that_they_raise(app, at, monkeypatch):
    monkeypatch.setitem(app.worker_defaults, "raise_errors", True)
    await app.tasks["look"].defer_async(fails=1)
    with pytest.raises(ValueError, match="failed 1"):
        await app.run_worker_async(wait=False)
    assert app.worker_defaults == {"raise_errors": True}


@pytest.mark.parametrize("error", [asyncio.CancelledError, procrastinate.exceptions.JobAborted])
async def test_a_job_that_was_aborted_is_no_error_to_raise(app, error):
    @app.task(name="give up")
    async def give_up():
        raise error

    await give_up.defer_async()
    await app.run_worker_async(wait=False, raise_errors=True)
    assert app.connector.jobs[0].status == "aborted"


async def test_a_connection_is_taken_where_the_users_own_connector_takes_one(app, at):
    job_id = await app.tasks["look"].configure(connection=object()).defer_async()
    assert await app.job_manager.get_job_status_async(job_id, connection=object())


class WithoutConnections(procrastinate.testing.InMemoryConnector):
    """As Django's, and those of other drivers."""

    execute_query_one_with_connection = Base.execute_query_one_with_connection
    execute_query_all_with_connection = Base.execute_query_all_with_connection
    execute_query_one_async_with_connection = Base.execute_query_one_async_with_connection
    execute_query_all_async_with_connection = Base.execute_query_all_async_with_connection


async def test_a_connection_is_refused_where_production_refuses_it():
    own = procrastinate.App(connector=WithoutConnections())
    task = own.task(name="t")(lambda: None)
    adopted = Adopted(own, Queue(MemoryStore(), Clock("held")))
    refused = pytest.raises(ConnectorException, match="WithoutConnections does not support")
    with refused:
        await task.configure(connection=object()).defer_async()
    with refused:
        await asyncio.to_thread(task.configure(connection=object()).defer)
    assert not adopted.connector.jobs
    adopted.close()


async def test_one_job_is_performed_alone(app, taskq):
    @app.task(name="double")
    async def double(n):
        return 2 * n

    done = await taskq.perform(job(double, n=21))
    assert done.result == 42


async def test_a_tick_is_automatic_and_what_a_test_defers_is_not(app, taskq, taskq_clock):
    @app.periodic(cron="*/20 * * * *")
    @app.task(name="chime")
    async def chime(timestamp): ...

    await taskq.drain(until="40m")
    taskq.assert_not_enqueued()
    assert not (await taskq.enqueue(job(chime, timestamp=7))).job.automatic
    assert [seen.automatic for seen in taskq.jobs(chime)] == [True, True, False]
