"""Deferring: options, schedules, locks, and what is refused."""

from datetime import UTC, datetime, timedelta

import pytest

from pytest_taskq.procrastinate import App
from pytest_taskq.procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from pytest_taskq.procrastinate.jobs import Job, Status


@pytest.fixture
def task(in_memory_app: App):
    @in_memory_app.task(name="t", queue="own", priority=1)
    async def task(**anything): ...

    return task


@pytest.fixture
def jobs(in_memory_app: App):
    return in_memory_app.connector.jobs


def test_ids_begin_at_one_and_a_batch_gives_them_in_order(task):
    assert task.defer() == 1
    assert task.batch_defer({"n": 1}, {"n": 2}) == [2, 3]
    assert task.batch_defer() == []


@pytest.mark.asyncio
async def test_every_way_to_defer_has_an_async_form(task, in_memory_app, jobs):
    await task.defer_async(n=1)
    await task.batch_defer_async({"n": 2}, {"n": 3})
    await task.configure(priority=9).defer_async(n=4)
    await in_memory_app.configure_task("t").batch_defer_async({"n": 5})
    await in_memory_app.defer_async("t", kwargs={"n": 6})
    assert [row.args["n"] for row in jobs.values()] == [1, 2, 3, 4, 5, 6]


@pytest.mark.asyncio
async def test_sync_calls_are_refused_inside_a_running_loop(task, in_memory_app, jobs):
    for call in (task.defer, task.batch_defer, in_memory_app.run_worker):
        with pytest.raises(RuntimeError, match="_async"):
            call()
    with pytest.raises(RuntimeError):
        in_memory_app.defer("t")
    assert not jobs


def test_positional_arguments_are_not_lost_in_silence(task):
    with pytest.raises(TypeError):
        task.defer(1, 2)


def test_options_of_one_call_go_before_those_of_the_task(task, jobs):
    deferrer = task.configure(
        queue="other", priority=7, lock="l", queueing_lock="q", task_kwargs={"a": 1, "b": 1}
    )
    deferrer.defer(b=2)
    row = jobs[0]
    assert (row.queue, row.priority, row.lock, row.queueing_lock) == ("other", 7, "l", "q")
    assert row.task_kwargs == {"a": 1, "b": 2}
    again = deferrer.configure(priority=0, task_kwargs={"c": 3})
    assert again.job.task_kwargs == {"a": 1, "b": 1, "c": 3}
    assert (again.job.priority, again.job.queue) == (0, "other")


def test_a_schedule_is_an_instant_or_counts_from_now(task, jobs, taskq_clock):
    noon = taskq_clock.time() + timedelta(days=2)
    task.configure(schedule_at=noon).defer()
    task.configure(schedule_in={"hours": 1, "seconds": 1}).defer()
    task.defer()
    assert [row.scheduled_at for row in jobs.values()] == [
        noon,
        taskq_clock.time() + timedelta(seconds=3601),
        None,
    ]


def test_a_connection_is_taken(in_memory_app):
    task = in_memory_app.task(lambda: None, name="t")
    task.configure(connection=object()).configure(connection=object()).defer()
    in_memory_app.configure_task("t", connection=object()).defer()
    assert len(in_memory_app.connector.jobs) == 2


@pytest.mark.parametrize(
    "schedule",
    [
        {"schedule_at": datetime(2030, 1, 1)},
        {"schedule_at": datetime(2030, 1, 1, tzinfo=UTC), "schedule_in": {"hours": 1}},
        {"schedule_in": {"hours": -1}},
    ],
)
def test_a_schedule_that_means_nothing_is_refused(task, jobs, schedule):
    with pytest.raises(ValueError):
        task.configure(**schedule)
    assert not jobs


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"hour": 1}, TypeError),
        ({"hours": "1"}, TypeError),
        (60, TypeError),
        ({"days": 10**10}, OverflowError),
    ],
)
def test_a_delay_that_is_none_is_told_with_the_units(task, jobs, given, error):
    with pytest.raises(error) as caught:
        task.configure(schedule_in=given)
    assert str(caught.value) == (
        f"schedule_in is a dict of numbers by units of time. It is {given!r}. "
        f'Write for instance schedule_in={{"hours": 1}}; the units are weeks, days, hours, '
        f"minutes, seconds, milliseconds and microseconds."
    )
    assert not jobs


@pytest.mark.parametrize(
    "options",
    [
        {"queue": "q" * 41},
        {"queue": "\u00e9" * 21},
        {"queue": ""},
        {"priority": 2**31},
        {"queue": "a\0b"},
    ],
)
def test_what_production_cannot_keep_is_refused(task, jobs, options):
    with pytest.raises(ConnectorException):
        task.configure(**options).defer()
    assert not jobs


def test_a_queueing_lock_lets_one_job_wait(task, in_memory_app, jobs):
    locked = task.configure(queueing_lock="once")
    locked.defer(n=1)
    with pytest.raises(AlreadyEnqueued, match="'once' is held by job 1"):
        locked.defer(n=2)
    in_memory_app.run_worker(wait=False)
    locked.defer(n=3)
    assert [row.args["n"] for row in jobs.values()] == [1, 3]


@pytest.mark.parametrize("others", [[], [{"n": 1}]])
def test_a_batch_is_stored_whole_or_not_at_all(task, jobs, others):
    locked = task.configure(queueing_lock="once")
    if not others:
        locked.defer()
    before = list(jobs)
    with pytest.raises(AlreadyEnqueued):
        locked.batch_defer({"n": 0}, *others)
    assert list(jobs) == before


def test_a_batch_with_one_bad_argument_stores_nothing(task, jobs):
    with pytest.raises(TypeError):
        task.batch_defer({"n": 1}, {"n": object()})
    assert not jobs


def test_a_status_is_its_text():
    assert Status.SUCCEEDED == "succeeded"
    assert [status.value for status in Status][:2] == ["todo", "doing"]


def test_a_job_is_frozen_and_evolves():
    job = Job(queue="q", lock=None, queueing_lock=None, task_name="t", task_kwargs={"a": 1})
    assert job.evolve(attempts=2).attempts == 2
    with pytest.raises(AttributeError):
        job.attempts = 3
