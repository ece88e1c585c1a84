"""What an app of the facade tells the harness."""

import asyncio
from datetime import timedelta

import pytest

from pytest_taskq import wait_until
from pytest_taskq.core.instants import to_instant
from pytest_taskq.engine.under_test import AppUnderTest, Bounds, Call
from pytest_taskq.procrastinate import App, builtin_tasks
from pytest_taskq.procrastinate.exceptions import TaskNotFound

pytestmark = pytest.mark.asyncio


@pytest.fixture
def under(app: App, ran) -> AppUnderTest:
    return app.under_test()


async def test_it_tells_the_parameters_that_the_library_fills_in(app, under):
    @app.task(pass_context=True, name="mail", aliases=["post"])
    def mail(context, to): ...

    tasks = under.tasks()
    assert set(tasks) == {"note", "mail", builtin_tasks.NAME}
    assert (tasks["mail"].given, tasks["note"].given) == ({"context"}, frozenset())
    assert tasks["mail"].function is mail.func


async def test_it_tells_when_a_task_is_tried_again(app, under):
    app.task(name="patient", retry=2)(lambda: None)
    delay = under.tasks()["patient"].delay
    assert [delay(attempt, ValueError()) for attempt in (1, 2, 3)] == [timedelta()] * 2 + [None]
    assert under.tasks()["note"].delay is None


async def test_a_task_its_function_and_one_of_no_app_have_names(app, under):
    def loose(): ...

    note = app.tasks["note"]
    assert under.name_of(note) == under.name_of(note.func) == "note"
    assert under.name_of(loose) == f"{__name__}.loose"
    assert under.name_of(3) is None


async def test_it_tells_a_job_in_the_words_of_the_library(app, under):
    await app.tasks["note"].configure(queueing_lock="once", priority=4).defer_async(n=1)
    (job,) = under.jobs()
    assert under.tell(job) == ((), {"n": 1}, 4, "once")


async def test_it_enqueues_with_the_checks_of_the_task(app, under, taskq_clock):
    at = to_instant(taskq_clock.time() + timedelta(hours=1))
    job = await under.enqueue(Call("note", args=(5,), at=at, attempt=3))
    row = app.connector.jobs[job.id]
    assert (row.args, row.attempts) == ({"n": 5}, 2)
    assert to_instant(row.scheduled_at) == at
    with pytest.raises(TypeError, match="cannot be deferred"):
        await under.enqueue(Call("note", kwargs={"m": 1}))
    with pytest.raises(TaskNotFound):
        await under.enqueue(Call("nobody"))


async def test_it_runs_what_is_due_at_most_so_many_attempts(under, ran):
    for n in range(3):
        await under.enqueue(Call("note", args=(n,)))
    assert await under.run(Bounds(attempts=2)) == 2
    assert ran == [0, 1]
    assert await under.run() == 1


@pytest.mark.taskq_strict(False)
async def test_what_a_task_raises_stays_in_the_history(app, under):
    app.task(name="broken")(lambda: 1 / 0)
    await under.enqueue(Call("broken"))
    assert await under.run() == 1
    assert [type(error) for _, error in under.history.errors()] == [ZeroDivisionError]


async def test_live_workers_end_with_the_job_in_hand(app, under):
    begun, done = asyncio.Event(), []

    @app.task(name="slow")
    async def slow():
        begun.set()
        await asyncio.sleep(60)
        done.append(1)

    await under.enqueue(Call("slow"))
    run = asyncio.create_task(under.run_forever(workers=2))
    await begun.wait()
    run.cancel()
    await wait_until(run.done)
    assert done == [1]


async def test_it_runs_chosen_jobs_and_stops_on_request(under, ran):
    for n in range(4):
        await under.enqueue(Call("note", args=(n,)))
    assert await under.run(Bounds(only=lambda job: under.tell(job).kwargs["n"] > 1)) == 2
    assert ran == [2, 3]
    assert await under.run(Bounds(ends=lambda: True)) == 1


async def test_it_lets_time_pass_to_an_instant(under, ran, taskq_clock):
    hour = timedelta(hours=1)
    for n in (1, 2):
        await under.enqueue(Call("note", args=(n,), at=to_instant(taskq_clock.time() + n * hour)))
    assert await under.run(Bounds(until=to_instant(taskq_clock.time() + hour))) == 1
    assert ran == [1]
