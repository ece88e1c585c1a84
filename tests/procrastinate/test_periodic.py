"""Periodic tasks: deferred at their ticks, on the clock of the test."""

import asyncio
from datetime import UTC, datetime
from functools import partial

import pytest

from pytest_taskq.core.errors import BadOption
from pytest_taskq.procrastinate import App, InMemoryConnector
from pytest_taskq.procrastinate.exceptions import (
    AlreadyEnqueued,
    InvalidTimestamp,
    TaskAlreadyRegistered,
)

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)

pytestmark = pytest.mark.taskq_time(start=NOON, mode="held")


@pytest.fixture
def ticks(app: App):
    ticks = []

    @app.periodic(cron="*/20 * * * *")
    @app.task(name="chime", queue="bells")
    async def chime(timestamp):
        ticks.append((timestamp - int(NOON.timestamp())) // 60)

    return ticks


def test_nothing_runs_before_its_tick(app, ticks):
    app.run_worker(wait=False)
    assert ticks == []


def test_each_tick_that_has_passed_is_deferred_once(app, ticks, taskq_clock):
    taskq_clock.advance(hours=1)
    app.run_worker(wait=False)
    app.run_worker(wait=False)
    assert ticks == [20, 40, 60]
    assert app.connector.jobs[0].queue == "bells"


async def run_for(app, clock, **units):
    run = asyncio.create_task(app.run_worker_async())
    await clock.elapse(**units)
    run.cancel()


@pytest.mark.asyncio
async def test_a_live_worker_defers_each_tick_at_its_instant(app, ticks, taskq_clock):
    await run_for(app, taskq_clock, hours=1)
    assert ticks == [20, 40, 60]
    deferred = [app.connector.events[n][0]["at"] for n in (1, 2, 3)]
    assert [(at - NOON).total_seconds() / 60 for at in deferred] == ticks


def test_options_go_to_the_job_and_ids_tell_schedules_apart(app, taskq_clock):
    ran = []
    task = app.task(name="note")(lambda timestamp, who: ran.append(who))
    for who in ("a", "b"):
        app.periodic(cron="0 * * * *", periodic_id=who, task_kwargs={"who": who})(task)
    with pytest.raises(TaskAlreadyRegistered, match="periodic already"):
        app.periodic(cron="1 * * * *", periodic_id="a")(task)
    taskq_clock.advance(hours=1)
    app.run_worker(wait=False)
    assert sorted(ran) == ["a", "b"]


def test_a_tick_whose_queueing_lock_is_taken_is_passed_over(app, taskq_clock):
    task = app.task(name="note")(lambda timestamp: None)
    app.periodic(cron="*/10 * * * * *", queueing_lock="one")(task)
    taskq_clock.advance(minutes=1)
    app.run_worker(wait=False)
    assert len(app.connector.jobs) == 1


def test_ticks_count_from_when_the_connector_is_replaced(app, ticks, taskq_clock):
    taskq_clock.advance(minutes=30)
    with app.replace_connector(InMemoryConnector.on_queue(app.connector.queue)):
        taskq_clock.advance(minutes=30)
        app.run_worker(wait=False)
    assert ticks == [40, 60]


def test_a_missed_tick_is_dropped_after_the_maximal_delay(in_memory_connector, taskq_clock):
    app = App(connector=in_memory_connector, periodic_defaults={"max_delay": 60})
    app.periodic(cron="* * * * *")(app.task(name="note")(lambda timestamp: None))
    taskq_clock.advance(minutes=10)
    app.run_worker(wait=False)
    assert len(app.connector.jobs) == 2


@pytest.mark.asyncio
async def test_a_tick_is_deferred_once_by_hand_or_by_a_worker(app, ticks, taskq_clock):
    first, second = (int(NOON.timestamp()) + 60 * minutes for minutes in (20, 40))
    by_hand = partial(app.job_manager.defer_periodic_job, periodic_id="", defer_timestamp=first)
    job = app.tasks["chime"].configure(task_kwargs={"timestamp": first}).job
    assert await by_hand(job) == 1
    assert await by_hand(job) is None
    taskq_clock.advance(minutes=45)
    await app.run_worker_async(wait=False)
    assert ticks == [20, 40]
    later = job.evolve(task_kwargs={"timestamp": second})
    assert await app.job_manager.defer_periodic_job(later, "", second) is None
    assert await app.job_manager.defer_periodic_job(later, "another", second) is not None


@pytest.mark.asyncio
async def test_a_tick_that_a_queueing_lock_kept_out_may_be_deferred_later(app, ticks):
    at = int(NOON.timestamp())
    job = app.tasks["chime"].configure(queueing_lock="one", task_kwargs={"timestamp": at}).job
    waits = await app.tasks["chime"].configure(queueing_lock="one").defer_async(timestamp=at)
    with pytest.raises(AlreadyEnqueued, match=f"held by job {waits}"):
        await app.job_manager.defer_periodic_job(job, "", at)
    await app.run_worker_async(wait=False)
    assert await app.job_manager.defer_periodic_job(job, "", at) is not None


@pytest.mark.asyncio
async def test_the_job_of_a_tick_is_told_which_it_is(app, ticks):
    job = app.tasks["chime"].configure(task_kwargs={"timestamp": 1}).job
    with pytest.raises(InvalidTimestamp, match="The tick is 2, and its argument timestamp is 1"):
        await app.job_manager.defer_periodic_job(job, "", 2)
    assert len(app.connector.jobs) == 0


def test_what_is_no_cron_expression_is_refused_at_once(app):
    task = app.task(name="note")(lambda timestamp: None)
    with pytest.raises(BadOption, match="cron"):
        app.periodic(cron="at tea time")(task)
    with pytest.raises(TypeError, match="was given an option"):
        app.periodic(cron="* * * * *", que="bells")


def test_the_harness_is_told_the_schedule(app, ticks):
    info = app.under_test().tasks()["chime"]
    assert info.schedule is not None
