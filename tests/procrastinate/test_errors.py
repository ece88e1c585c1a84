"""What a task raises: it stays in its job, unless the worker was asked to raise it."""

import asyncio

import pytest

from pytest_taskq.core.errors import NotFinished
from pytest_taskq.procrastinate import App, InMemoryConnector
from pytest_taskq.procrastinate.exceptions import TaskNotFound


def note(app: App, n, **options):
    app.configure_task("note", **options).defer(n=n)


def statuses(app: App):
    return [row.status for row in app.connector.jobs.values()]


@pytest.mark.taskq_strict(False)
def test_an_unknown_task_fails_is_kept_and_stops_nobody(app, ran):
    app.configure_task("nobody").defer(n=1)
    note(app, 2)
    app.run_worker(wait=False)
    assert (statuses(app), ran) == (["failed", "succeeded"], [2])
    assert app.connector.jobs[0].args == {"n": 1}


@pytest.mark.taskq_strict(False)
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError, "failed"),
        (SystemExit, "failed"),
        (StopIteration, "failed"),
        (asyncio.CancelledError, "aborted"),
    ],
)
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_whatever_a_task_raises_stays_in_its_job(app, ran, error, status, kind):
    def fail():
        raise error

    async def fail_async():
        raise error

    app.task(name="fail")(fail if kind == "sync" else fail_async)
    app.defer("fail")
    note(app, 2)
    app.run_worker(wait=False)
    assert (statuses(app), ran) == ([status, "succeeded"], [2])


@pytest.mark.slow
def test_a_retry_without_end_is_reported_on_the_clock_of_a_test(app):
    @app.task(name="fail", retry=True)
    async def fail():
        raise ValueError

    fail.defer()
    with pytest.raises(NotFinished, match="fail has run 1000 times"):
        app.run_worker(wait=False)


class TestRaiseErrors:
    @pytest.fixture
    def failing(self, app):
        @app.task(name="fail")
        async def fail(n):
            raise ValueError(n)

        return fail

    def test_the_first_error_is_raised_when_all_that_is_due_has_run(self, app, ran, failing):
        failing.defer(n=1)
        failing.defer(n=2)
        note(app, 3)
        with pytest.raises(ValueError, match="1"):
            app.run_worker(wait=False, raise_errors=True)
        assert (statuses(app), ran) == (["failed", "failed", "succeeded"], [3])

    def test_an_unknown_task_is_an_error_too(self, app, failing):
        app.configure_task("fial").defer()
        with pytest.raises(TaskNotFound, match="'fail'"):
            app.run_worker(wait=False, raise_errors=True)
        assert statuses(app) == ["failed"]

    @pytest.mark.asyncio
    async def test_a_worker_that_waits_stops_at_the_first_error(self, app, failing):
        await failing.configure(priority=1).defer_async(n=1)
        await failing.defer_async(n=2)
        with pytest.raises(ValueError, match="1"):
            await asyncio.wait_for(app.run_worker_async(raise_errors=True), 5)
        assert statuses(app) == ["failed", "todo"]

    @pytest.mark.asyncio
    async def test_a_worker_that_waits_stops_at_an_unknown_task_too(self, app):
        await app.configure_task("nobody").defer_async()
        with pytest.raises(TaskNotFound, match="'nobody'"):
            await asyncio.wait_for(app.run_worker_async(raise_errors=True), 5)
        assert statuses(app) == ["failed"]

    def test_a_job_that_succeeded_in_the_end_raises_nothing(self, app):
        runs = []

        @app.task(name="third_time_lucky", retry=2)
        def third_time_lucky():
            runs.append(1)
            assert len(runs) == 3

        third_time_lucky.defer()
        app.run_worker(wait=False, raise_errors=True)
        assert (statuses(app), len(runs)) == (["succeeded"], 3)

    @pytest.mark.parametrize("delete_jobs", ["never", "always"])
    def test_it_raises_how_the_first_failed_job_ended_and_names_the_others(self, app, delete_jobs):
        runs = []

        @app.task(name="fail", retry=1)
        def fail(text):
            runs.append(text)
            raise ValueError(f"{text}\nrun {runs.count(text)}")

        for text in ("one", "two", "three"):
            fail.defer(text=text)
        with pytest.raises(ValueError, match="one\nrun 2") as caught:
            app.run_worker(wait=False, raise_errors=True, delete_jobs=delete_jobs)
        (note,) = caught.value.__notes__
        assert note.splitlines() == [
            "Other jobs of this run failed too:",
            "  job 2 (fail): ValueError: two run 2",
            "  job 3 (fail): ValueError: three run 2",
        ]

    def test_a_note_on_many_failed_jobs_is_short(self, app, failing):
        failing.batch_defer(*({"n": n} for n in range(15)))
        with pytest.raises(ValueError, match="0") as caught:
            app.run_worker(wait=False, raise_errors=True)
        (note,) = caught.value.__notes__
        assert note.endswith("  and 4 more")

    def test_a_single_failed_job_has_no_note(self, app, failing):
        failing.defer(n=1)
        with pytest.raises(ValueError, match="1") as caught:
            app.run_worker(wait=False, raise_errors=True)
        assert not hasattr(caught.value, "__notes__")

    def test_it_may_be_a_default_of_the_app_that_one_call_overrules(self):
        app = App(connector=InMemoryConnector(), worker_defaults={"raise_errors": True})
        fail = app.task(name="t")(lambda: 1 / 0)
        with app.open():
            fail.defer()
            with pytest.raises(ZeroDivisionError):
                app.run_worker(wait=False)
            fail.defer()
            app.run_worker(wait=False, raise_errors=False)
