"""What a worker runs, and in which order."""

import asyncio
from datetime import timedelta

import pytest

from pytest_taskq import wait_until
from pytest_taskq.core.errors import NotFinished
from pytest_taskq.procrastinate import App


def note(app: App, n, **options):
    app.configure_task("note", **options).defer(n=n)


def statuses(app: App):
    return [row.status for row in app.connector.jobs.values()]


def test_without_waiting_it_runs_what_is_due_and_leaves_the_future(app, ran, taskq_clock):
    note(app, 1, schedule_in={"hours": 1})
    note(app, 2)
    app.run_worker(wait=False)
    assert (ran, statuses(app)) == ([2], ["todo", "succeeded"])
    taskq_clock.advance(hours=1)
    app.run_worker(wait=False)
    assert ran == [2, 1]


def test_the_future_is_not_run_on_a_clock_that_jumps(app, ran):
    note(app, 1, schedule_in={"hours": 1})
    app.run_worker(wait=False)
    assert ran == []


def test_it_runs_what_a_task_defers(app, ran):
    app.task(name="first")(lambda: note(app, "second"))
    app.defer("first")
    app.run_worker(wait=False)
    assert ran == ["second"]
    assert [row.status for row in app.connector.jobs.values()] == ["succeeded"] * 2


def test_higher_priorities_first_and_older_ids_first_whatever_their_schedule(app, ran, taskq_clock):
    now = taskq_clock.time()
    note(app, "third", schedule_at=now - timedelta(minutes=1))
    note(app, "fourth", schedule_at=now - timedelta(days=1))
    note(app, "first", priority=2)
    note(app, "second", priority=1)
    note(app, "last", priority=-1)
    app.run_worker(wait=False)
    assert ran == ["first", "second", "third", "fourth", "last"]


def test_a_worker_reads_the_queues_that_it_is_given(app, ran):
    for queue in ("a", "b", "c"):
        note(app, queue, queue=queue)
    app.run_worker(wait=False, queues=["c", "a"])
    assert ran == ["a", "c"]
    app.run_worker(wait=False)
    assert ran == ["a", "c", "b"]


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"queues": "default"}, TypeError, r"It is the text 'default'\. Write \['default'\]"),
        ({"speed": 9}, TypeError, "It is 'speed'. Leave it out: it takes queues, name, "),
        ({"delete_job": "always"}, TypeError, "It is 'delete_job'. Write delete_jobs."),
        (
            {"delete_jobs": "x"},
            ValueError,
            "delete_jobs is 'x'. Write one of 'never', 'successful', 'always'.",
        ),
    ],
)
def test_options_that_mean_nothing_are_refused(app, ran, options, error, told):
    note(app, 1)
    with pytest.raises(error, match=told):
        app.run_worker(wait=False, **options)
    assert (ran, statuses(app)) == ([], ["todo"])


def test_the_options_of_the_library_are_taken(app, ran):
    note(app, 1)
    app.run_worker(
        wait=False,
        fetch_job_polling_interval=1,
        abort_job_polling_interval=1,
        listen_notify=True,
        install_signal_handlers=False,
        update_heartbeat_interval=1,
        stalled_worker_timeout=1,
        shutdown_graceful_timeout=1,
    )
    assert ran == [1]


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.usefixtures("taskq_clock")
def test_a_job_that_defers_itself_for_ever_is_reported_where_time_stands_still(app, wait):
    app.task(name="again")(lambda: app.defer("again"))
    app.defer("again")
    with pytest.raises(NotFinished, match="again has run 1000 times in one chain"):
        app.run_worker(wait=wait)


@pytest.mark.asyncio
@pytest.mark.parametrize("concurrency", [1, 3])
async def test_as_many_jobs_at_once_as_the_concurrency_says(app, concurrency):
    busy, most = 0, 0

    @app.task
    async def hold():
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        busy -= 1

    await hold.batch_defer_async(*[{}] * 7)
    await app.run_worker_async(wait=False, concurrency=concurrency)
    assert most == concurrency


def test_retries_that_are_due_at_once_are_used_up(app):
    runs = []

    @app.task(retry=2, pass_context=True)
    async def fail(context):
        runs.append(context.job.attempts)
        raise ValueError

    fail.defer()
    app.run_worker(wait=False)
    assert runs == [0, 1, 2]
    assert app.connector.jobs[0].attempts == 3


def test_a_job_may_be_deferred_by_an_alias(app):
    app.task(name="new", aliases=["old"])(lambda: None)
    app.configure_task("old").defer()
    app.run_worker(wait=False)
    assert statuses(app) == ["succeeded"]


def test_the_value_of_a_task_may_be_anything(app):
    app.task(name="t")(object)
    app.defer("t")
    app.run_worker(wait=False, raise_errors=True)
    assert statuses(app) == ["succeeded"]


@pytest.mark.taskq_strict(False)
@pytest.mark.parametrize(
    ("condition", "left"), [("never", [1, 2, 3]), ("successful", [2, 3]), ("always", [3])]
)
def test_finished_jobs_are_deleted_as_asked(app, condition, left):
    app.task(name="t", retry=1)(lambda: None)
    app.task(name="fail", retry=1)(lambda: 1 / 0)
    app.defer("t")
    app.defer("fail")
    app.configure_task("t", schedule_in={"hours": 1}).defer()
    app.run_worker(wait=False, delete_jobs=condition)
    assert list(app.connector.jobs) == left


def test_what_an_earlier_run_finished_is_not_deleted(app, ran):
    note(app, 1)
    app.run_worker(wait=False)
    app.run_worker(wait=False, delete_jobs="always")
    assert statuses(app) == ["succeeded"]


@pytest.mark.asyncio
async def test_what_another_worker_of_the_same_name_finished_is_not_deleted(app):
    first_is_over = asyncio.Event()

    @app.task(name="slow", queue="a")
    async def slow():
        await first_is_over.wait()

    app.task(name="quick", queue="b")(lambda: None)
    await slow.defer_async()
    run = asyncio.create_task(app.run_worker_async(wait=False, queues=["a"], delete_jobs="always"))
    await wait_until(lambda: statuses(app) == ["doing"])
    await app.configure_task("quick").defer_async()
    await app.run_worker_async(wait=False, queues=["b"])
    first_is_over.set()
    await run
    assert list(app.connector.jobs) == [2]


def test_a_job_that_was_retried_is_deleted_once_it_has_succeeded(app):
    runs = []

    @app.task(name="t", retry=1)
    def t():
        runs.append(1)
        assert len(runs) == 2

    t.defer()
    app.run_worker(wait=False, delete_jobs="successful")
    assert not app.connector.jobs


def test_the_context_tells_a_task_where_it_is(app, taskq_clock):
    contexts = []

    @app.task(name="ask", pass_context=True)
    def ask(context, n):
        context.additional_context["seen"] = n
        contexts.append(context)

    app.configure_task("ask", priority=4).batch_defer({"n": 1}, {"n": 2})
    shared = {"db": "x"}
    app.run_worker(wait=False, name="ann", queues=["default"], additional_context=shared)
    first, second = contexts
    assert (first.app, first.task, first.worker_name) == (app, ask, "ann")
    assert list(first.worker_queues) == ["default"]
    assert (first.job.id, first.job.priority, first.job.task_kwargs) == (1, 4, {"n": 1})
    assert first.start_timestamp == taskq_clock.time().timestamp()
    assert second.additional_context == {"db": "x", "seen": 2}
    assert shared == {"db": "x"}
    assert first.evolve(worker_name="bob").worker_name == "bob"
