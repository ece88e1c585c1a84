"""What the harness asks of an app, asked of the app over the bare engine."""

import asyncio

import pytest

from pytest_taskq.core.errors import UnknownTask
from pytest_taskq.engine.under_test import AppUnderTest, Bounds, Call, Told
from support.engine_app import SECOND, EngineApp

pytestmark = pytest.mark.asyncio


@pytest.fixture
def app():
    app = EngineApp()
    app.ran = []

    @app.task
    async def note(value):
        app.ran.append(value)

    @app.task
    async def again(value):
        await app.add("note", value)

    return app


async def test_it_has_all_that_the_protocol_names(app):
    names = [name for name in vars(AppUnderTest) if not name.startswith("_")]
    assert [name for name in names if not hasattr(app, name)] == []
    assert set(app.tasks()) == {"note", "again"}
    assert app.name_of(app.tasks()["note"].function) == "note"


async def test_what_is_due_runs_and_what_that_enqueues(app):
    await app.add("again", 1)
    await app.add("note", 2, after=60)
    assert await app.run() == 2
    assert app.ran == [1]
    app.clock.advance(60)
    assert await app.run() == 1
    assert app.ran == [1, 2]


async def test_a_job_is_told_as_it_was_enqueued(app):
    job = await app.add("note", value=7, options={"priority": 3, "key": "seven"})
    assert app.tell(job) == Told((), {"value": 7}, 3, "seven")
    assert list(app.jobs()) == [job]


async def test_a_run_takes_only_what_it_may_and_ends_when_it_is_told(app):
    for value in range(4):
        await app.add("note", value)
    assert await app.run(Bounds(only=lambda job: app.tell(job).args[0] % 2 == 1)) == 2
    assert app.ran == [1, 3]
    assert await app.run(Bounds(ends=lambda: 0 in app.ran)) == 1
    assert await app.run(Bounds(attempts=0)) == 0
    assert app.ran == [1, 3, 0]


async def test_a_call_may_be_due_later_and_at_a_later_attempt(app):
    at = app.clock.now() + SECOND
    job = await app.enqueue(Call("note", (1,), at=at, attempt=3))
    assert (job.due_at, job.attempt) == (at, 2)
    app.clock.advance(1)
    await app.run()
    assert app.jobs()[0].attempt == 3
    with pytest.raises(UnknownTask):
        await app.enqueue(Call("unheard_of"))


async def test_live_workers_have_names_of_their_own(app):
    live = asyncio.create_task(app.run_forever(workers=2))
    await app.add("note", 1)
    await app.clock.elapse(1)
    live.cancel()
    await asyncio.wait({live})
    (claim,) = [event for event in app.history if event.verb == "claim"]
    assert claim.worker in {"worker-1", "worker-2"}
