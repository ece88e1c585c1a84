"""The connector in memory: its jobs in both habits, its events, opening and resetting."""

from datetime import timedelta

import pytest

from pytest_taskq.engine.sync import drive
from pytest_taskq.procrastinate import App, InMemoryConnector
from pytest_taskq.procrastinate.testing import NotThere


@pytest.fixture
def app(in_memory_app: App):
    @in_memory_app.task(name="t", retry=1)
    def t(n, fail=False):
        if fail:
            raise ValueError

    return in_memory_app


@pytest.fixture
def jobs(app: App):
    return app.connector.jobs


def defer(app: App, *numbers: int, **options):
    app.configure_task("t", **options).batch_defer(*({"n": number} for number in numbers))


def test_a_fixture_app_is_open_and_on_the_fixture_connector(in_memory_app, in_memory_connector):
    assert in_memory_app.connector is in_memory_connector
    assert in_memory_connector.is_open
    assert not in_memory_connector.jobs


def test_the_row_of_a_job_is_for_reading(app, jobs):
    defer(app, 1)
    with pytest.raises(TypeError, match="can only be read here"):
        jobs[1]["status"] = "failed"
    assert jobs[1].status == "todo"


def test_a_connector_of_ones_own_lives_on_real_time():
    assert InMemoryConnector().queue.clock.mode == "real"


def test_jobs_are_a_mapping_of_ids(app, jobs):
    defer(app, 10, 20)
    assert list(jobs) == [1, 2]
    assert len(jobs) == 2
    assert 1 in jobs
    assert 0 not in jobs
    assert 3 not in jobs
    assert "1" not in jobs
    assert [row["args"]["n"] for row in jobs.values()] == [10, 20]
    assert dict(jobs.items())[2].id == 2
    assert jobs.get(3) is None
    with pytest.raises(KeyError):
        jobs[3]


def test_jobs_have_positions_too(app, jobs):
    with pytest.raises(IndexError):
        jobs[0]
    defer(app, 10, 20, 30)
    assert [jobs[place].args["n"] for place in (0, -1, -3)] == [10, 30, 10]
    assert [row.id for row in jobs[:2]] == [1, 2]
    assert [row.id for row in jobs[::-1]] == [3, 2, 1]
    with pytest.raises(IndexError):
        jobs[-4]


@pytest.mark.parametrize("asked", [0, -1, 5, "x", None])
def test_a_job_that_is_not_there_is_one_error_in_both_habits(app, jobs, asked):
    with pytest.raises(NotThere) as caught:
        jobs[asked]
    assert isinstance(caught.value, KeyError)
    assert isinstance(caught.value, IndexError)
    assert str(caught.value) == (
        f"There is no job {asked!r}. The connector has no jobs. Defer one first, on this connector."
    )
    assert jobs.get(asked) is None


@pytest.mark.parametrize("asked", [-9, 9, "x", "1"])
def test_a_job_that_is_not_there_is_told_with_the_ids_there_are(app, jobs, asked):
    defer(app, 10, 20)
    with pytest.raises(NotThere) as caught:
        jobs[asked]
    assert str(caught.value) == (
        f"There is no job {asked!r}. The ids are 1, 2. Ask for one of these ids, or for a "
        f"position: jobs[0] is the oldest job, jobs[-1] the newest."
    )
    assert jobs.get(asked) is None
    assert jobs.get(0).id == 1


def test_many_ids_are_told_in_short(app, jobs):
    defer(app, *range(8))
    with pytest.raises(NotThere, match=r"The ids are 1, 2, 3, 4, 5 and 3 more up to 8\."):
        jobs[9]


def test_a_row_has_the_columns_of_the_table(app, jobs):
    defer(app, 1)
    row = {
        "id": 1,
        "queue_name": "default",
        "task_name": "t",
        "priority": 0,
        "lock": None,
        "queueing_lock": None,
        "args": {"n": 1},
        "status": "todo",
        "scheduled_at": None,
        "attempts": 0,
        "abort_requested": False,
        "worker_id": None,
    }
    assert jobs[1] == row
    assert jobs == {1: row}
    assert repr(jobs) == repr({1: row})
    assert len(jobs[1]) == len(row)


def test_a_row_is_read_by_key_and_by_attribute(app, jobs):
    defer(app, 1)
    row = jobs[0]
    assert row["status"] == row.status == "todo"
    assert row["queue"] == row.queue == row.queue_name == "default"
    assert row["task_kwargs"] == row.task_kwargs == row.args
    with pytest.raises(KeyError):
        row["state"]
    with pytest.raises(AttributeError, match=r"has no 'state'.*status"):
        _ = row.state


def test_jobs_and_rows_are_live(app, jobs):
    defer(app, 1)
    row = jobs[0]
    app.run_worker(wait=False)
    assert row.status == "succeeded"
    assert row.attempts == 1
    defer(app, 2)
    assert len(jobs) == 2


def test_changing_the_arguments_of_a_row_changes_no_job(app, jobs):
    app.configure_task("t").defer(n=[1])
    jobs[0].args["n"].append(2)
    assert jobs[0].args == {"n": [1]}


def test_a_row_while_the_job_runs(in_memory_app, jobs):
    seen = []

    @in_memory_app.task(name="look")
    def look():
        seen.append(dict(jobs[0]))

    look.defer()
    in_memory_app.run_worker(wait=False, name="ann")
    (row,) = seen
    assert (row["status"], row["attempts"], row["worker_id"]) == ("doing", 0, "ann")
    assert jobs[0].worker_id is None


def test_finished_jobs_have_succeeded_or_failed(app):
    defer(app, 1)
    app.defer("t", (2, True))
    defer(app, 3, schedule_in={"hours": 1})
    app.run_worker(wait=False)
    finished = app.connector.finished_jobs
    assert [(row.id, row.status) for row in finished] == [(1, "succeeded"), (2, "failed")]


def test_events_tell_the_life_of_each_job(app, taskq_clock):
    start = taskq_clock.time()
    app.defer("t", (1, True))
    defer(app, 2, schedule_in={"hours": 1})
    app.run_worker(wait=False)
    events = app.connector.events
    assert [event["type"] for event in events[1]] == [
        "deferred",
        "started",
        "deferred_for_retry",
        "started",
        "failed",
    ]
    assert events[2] == [
        {"type": "scheduled", "at": start + timedelta(hours=1)},
        {"type": "deferred", "at": start},
    ]


def test_a_job_cancelled_in_the_queue(app, jobs):
    defer(app, 1)
    drive(app.connector.queue.cancel(1))
    assert jobs[1].status == "cancelled"
    assert [event["type"] for event in app.connector.events[1]] == ["deferred", "cancelled"]


@pytest.mark.asyncio
async def test_a_job_cancelled_while_it_runs_is_aborted(in_memory_app, jobs):
    @in_memory_app.task
    async def stop_me():
        await in_memory_app.connector.queue.cancel(1)
        assert jobs[1].abort_requested
        await in_memory_app.connector.queue.cancel(1)

    @in_memory_app.task
    async def endless():
        import asyncio

        await in_memory_app.connector.queue.cancel(2)
        await asyncio.Event().wait()

    await stop_me.defer_async()
    await endless.defer_async()
    await in_memory_app.run_worker_async(wait=False)
    assert jobs[2].status == "aborted"
    assert not jobs[2].abort_requested
    types = [event["type"] for event in in_memory_app.connector.events[2]]
    assert types == ["deferred", "started", "abort_requested", "aborted"]


def test_reset_forgets_every_job_and_ids_begin_anew(app, jobs):
    defer(app, 1, 2)
    row = jobs[0]
    app.connector.reset()
    assert not jobs
    assert not app.connector.events
    with pytest.raises(KeyError, match="deleted"):
        row["status"]
    defer(app, 3)
    assert jobs[0].id == 1
    assert [event["type"] for event in app.connector.events[1]] == ["deferred"]


def test_a_connector_serves_the_workers_too(app, in_memory_connector):
    defer(app, 1)
    worker_app = app.with_connector(app.connector.get_worker_connector())
    worker_app.run_worker(wait=False)
    assert worker_app.connector is in_memory_connector
    assert app.connector.jobs[0].status == "succeeded"


def test_code_that_opens_and_closes_the_app_leaves_it_open_for_the_test(app, taskq):
    with app.open():
        defer(app, 1)
    assert len(taskq.drain()) == 1


def test_a_closed_connector_can_still_be_read():
    app = App(connector=InMemoryConnector())
    app.open()
    app.task(name="t")(lambda: None).defer()
    app.close()
    assert app.connector.jobs[0].status == "todo"
