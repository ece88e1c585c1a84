"""The user's own app in tests that are not async."""

import asyncio
from datetime import UTC, datetime

import pytest
from procrastinate.exceptions import TaskNotFound
from procrastinate.manager import JobManager

from pytest_taskq.core.errors import NotFinished


def test_a_sync_test_may_defer_and_run_again_and_again(app):
    ran = []
    task = app.task(name="sync")(lambda n: ran.append(n) or (n < 3 and task.defer(n=n + 1)))
    for n in (1, 2):
        task.defer(n=n)
        app.run_worker(wait=False)
    assert ran == [1, 2, 3, 2, 3]
    assert len(app.connector.jobs) == 5


def test_code_that_opens_and_closes_the_app_leaves_it_open_for_the_test(app, taskq):
    task = app.task(name="t")(lambda: None)
    with app.open():
        task.defer()
    assert len(taskq.drain()) == 1
    assert app.connector.states == ["open", "closed"]


def test_a_task_may_defer_from_its_thread_and_see_the_time_of_the_test(app, taskq_clock):
    seen = []

    @app.task(name="look", pass_context=True)
    def look(context):
        seen.append(context.start_timestamp)

    look.configure(schedule_in={"days": 1}).defer()
    taskq_clock.advance(days=2)
    app.run_worker(wait=False)
    assert seen == [taskq_clock.time().timestamp()]


def test_the_harness_drains_in_a_sync_test(app, taskq):
    ran = []
    app.task(name="note")(ran.append).configure(schedule_in={"hours": 1}).defer()
    with pytest.raises(TypeError):
        taskq.drain(until="1h")


def test_reset_forgets_everything(app, in_memory_connector):
    app.task(name="t")(lambda: None).defer()
    in_memory_connector.reset()
    assert (dict(in_memory_connector.jobs), in_memory_connector.events) == ({}, {})
    assert app.configure_task("t").defer() == 1
    assert in_memory_connector.jobs.first is not None
    assert [name for name, _ in in_memory_connector.queries] == ["defer_jobs"]


def test_a_task_is_deferred_by_its_name_with_positional_arguments_too(app):
    @app.task(name="frame", pass_context=True)
    def frame(context, width, height=2): ...

    app.defer("frame", args=(1,), kwargs={"height": 3})
    assert app.connector.jobs[0].args == {"width": 1, "height": 3}
    with pytest.raises(TypeError, match="cannot be deferred"):
        app.defer("frame", args=(1, 2, 3))
    with pytest.raises(TaskNotFound):
        app.defer("frames")


def test_a_test_may_begin_with_rows_of_its_own(in_memory_connector):
    old = datetime(2000, 1, 1, tzinfo=UTC)
    in_memory_connector.jobs = {
        1: {"status": "succeeded", "queue_name": "a"},
        3: {"status": "doing", "lock": "l", "attempts": 2},
        4: {"status": "aborted"},
        5: {"scheduled_at": old, "args": {"n": 1}},
    }
    jobs = in_memory_connector.jobs
    assert list(jobs) == [1, 3, 4, 5]
    assert (jobs[3].status, jobs[3].attempts, in_memory_connector.current_locks) == (
        "doing",
        2,
        {"l"},
    )
    assert [row.id for row in in_memory_connector.finished_jobs] == [1]
    assert (jobs[4].status, jobs[5].scheduled_at, jobs[5].args) == ("aborted", old, {"n": 1})
    in_memory_connector.events = {1: [{"type": "succeeded", "at": old}]}
    manager = JobManager(in_memory_connector)
    asyncio.run(manager.delete_old_jobs(nb_hours=1))
    assert list(jobs) == [3, 4, 5]


@pytest.fixture(params=["auto", "held"])
def impatient(request, app):
    """The app on either clock, which does not wait long where nothing can move."""
    clock = app.connector.queue.clock
    clock.mode, clock.stuck_after = request.param, 0.1
    return app


@pytest.mark.parametrize("ticks", [False, True])
def test_a_worker_that_waits_for_ever_ends_and_is_told_of_the_one_that_does_not(impatient, ticks):
    if ticks:
        impatient.periodic(cron="0 * * * *")(impatient.task(name="tick")(lambda timestamp: None))
    with pytest.raises(
        NotFinished, match=r"No job is in .*did you mean run_worker\(wait=False\)\?"
    ):
        impatient.run_worker()


@pytest.mark.parametrize("wait", [False, True])
def test_a_job_that_waits_for_ever_ends_the_run_and_is_named(impatient, wait):
    @impatient.task(name="listen", pass_context=True)
    async def listen(context):
        await asyncio.Event().wait()

    listen.defer()
    with pytest.raises(NotFinished, match="In hand is listen"):
        impatient.run_worker(wait=wait)


def test_a_job_that_does_not_let_itself_be_stopped_ends_the_run_too(impatient):
    @impatient.task(name="listen")
    async def listen():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    listen.defer()
    with pytest.raises(NotFinished, match="In hand is listen"):
        impatient.run_worker()


def test_a_call_in_a_job_of_another_is_refused_and_begins_nothing(app, taskq):
    """It would run beside the first, and see in its place what jobs raise."""
    seen = []

    @app.task(name="nested")
    def nested():
        for call in (taskq.drain, taskq.step):
            with pytest.raises(RuntimeError) as refused:
                call()
            seen.append(str(refused.value))
        raise ValueError("mine")

    nested.defer()
    with pytest.raises(ValueError, match="mine"):
        taskq.drain()
    assert [text.partition(" (")[0] for text in seen] == [
        "taskq.drain() was called while another call of this test runs jobs",
        "taskq.step() was called while another call of this test runs jobs",
    ]
    assert taskq.jobs(state="dead")[0].attempts == 1
