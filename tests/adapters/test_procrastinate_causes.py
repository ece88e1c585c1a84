"""Who has deferred a job of a real app: the job in whose task it was, else the test."""

import asyncio

import pytest

pytestmark = [pytest.mark.asyncio, pytest.mark.taskq_time(start="2030-01-01T00:30:00+00:00")]


@pytest.fixture
def parents(app):
    """Two tasks that defer another one: on the loop, and in a thread."""
    fine = app.task(name="fine")(lambda: None)

    @app.task(name="parent")
    async def parent():
        await asyncio.create_task(fine.defer_async())

    @app.task(name="threaded")
    def threaded():
        fine.defer()

    return parent, threaded


def causes(taskq):
    return [moment.cause for moment in taskq.timeline() if moment.event == "enqueue"]


async def drained(taskq):
    await taskq.drain()


async def run(taskq):
    (app,) = taskq.apps
    await app.run()


async def lived(taskq):
    async with taskq.running(workers=2):
        await taskq.settle()


@pytest.mark.parametrize("how", [drained, run, lived])
@pytest.mark.parametrize("which", [0, 1], ids=["on the loop", "in a thread"])
async def test_what_a_task_defers_is_told_as_its(parents, taskq, how, which):
    await parents[which].defer_async()
    await how(taskq)
    assert causes(taskq) == [None, 1]
    assert f"  #1 {parents[which].name}  enqueue #2 fine()" in taskq.timeline().text()


async def test_one_job_that_is_performed_is_the_cause_of_what_it_defers(parents, taskq):
    done = await taskq.perform(parents[0])
    done.enqueued.assert_enqueued(["fine"])
    assert causes(taskq) == [None, 1]


async def test_a_tick_has_no_cause_and_is_one(app, parents, taskq):
    @app.periodic(cron="0 * * * *")
    @app.task(name="chime")
    async def chime(timestamp):
        await parents[0].func()

    await taskq.drain(until="1h")
    assert causes(taskq) == [None, 1]
