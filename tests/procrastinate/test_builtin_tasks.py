"""The task that forgets old jobs."""

import pytest

from pytest_taskq.procrastinate import builtin_tasks

pytestmark = [pytest.mark.taskq_strict(False), pytest.mark.taskq_time(mode="held")]


@pytest.fixture
def old(app, ran, taskq_clock):
    """A job that has succeeded, one that has failed, and two hours later."""
    app.tasks["note"].batch_defer({"n": 1}, {})
    app.run_worker(wait=False)
    taskq_clock.advance(hours=2)


def names(app):
    return [(job.task_name, job.status) for job in app.connector.jobs.values()]


@pytest.mark.parametrize("name", [builtin_tasks.NAME, builtin_tasks.ALIAS])
def test_it_is_deferred_by_its_names(app, old, name):
    app.configure_task(name, allow_unknown=False).defer(max_hours=1)
    app.run_worker(wait=False, queues=["builtin"])
    assert names(app) == [("note", "failed"), (builtin_tasks.NAME, "succeeded")]


def test_a_task_of_ones_own_calls_it(app, old, taskq_clock):
    @app.periodic(cron="0 4 * * *")
    @app.task(name="clean_up", pass_context=True)
    async def clean_up(context, timestamp):
        await builtin_tasks.remove_old_jobs(context, max_hours=1, remove_failed=True)

    taskq_clock.advance(days=1)
    app.run_worker(wait=False)
    assert names(app) == [("clean_up", "succeeded")]


@pytest.mark.parametrize(
    ("option", "left"),
    [
        ({}, {"failed", "cancelled", "aborted"}),
        ({"remove_failed": True}, {"cancelled", "aborted"}),
        ({"remove_cancelled": True}, {"failed", "aborted"}),
        ({"remove_aborted": True}, {"failed", "cancelled"}),
    ],
)
def test_it_forgets_what_it_is_told_to(app, ran, taskq_clock, option, left):
    note = app.tasks["note"]
    note.defer(n=1)
    note.defer()
    app.run_worker(wait=False)
    app.job_manager.cancel_job_by_id(note.defer(n=2))
    aborted = note.defer(n=3)
    app.connector.queue.sync(app.job_manager.finish_job_by_id_async(aborted, "aborted", False))
    taskq_clock.advance(hours=2)
    app.configure_task(builtin_tasks.NAME).defer(max_hours=1, **option)
    app.run_worker(wait=False)
    assert {status for task, status in names(app) if task == "note"} == left
