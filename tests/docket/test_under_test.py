"""What a docket tells the harness that tests it, and how it runs there."""

import asyncio
from datetime import timedelta

import pytest

from pytest_taskq.core.errors import UnknownTask
from pytest_taskq.core.job import State
from pytest_taskq.core.schedule import every
from pytest_taskq.docket import CurrentDocket, Docket, ExponentialRetry, Perpetual, Retry
from pytest_taskq.engine.under_test import AppUnderTest, Bounds, Call

pytestmark = pytest.mark.asyncio

MINUTE = timedelta(minutes=1)


@pytest.fixture
def app(docket: Docket) -> AppUnderTest:
    return docket.under_test()


async def bake(kind: str, docket: Docket = CurrentDocket(), retry: Retry = Retry(3, MINUTE)): ...


async def look(perpetual: Perpetual = Perpetual(every=MINUTE, automatic=True)): ...


async def test_it_tells_the_tasks_with_what_the_library_gives_them(docket, app):
    docket.register(bake)
    docket.register(look)
    info = app.tasks()["bake"]
    assert (info.name, info.function, info.given) == ("bake", bake, {"docket", "retry"})
    assert info.schedule is None
    assert app.tasks()["look"].schedule == every(MINUTE)


async def test_a_job_is_automatic_that_the_worker_has_enqueued(docket, app, worker):
    docket.register(look)
    await worker.run_at_most({"look": 2})
    await docket.add(look)()
    await docket.add(bake, key="bake")("rye")
    tasks = app.tasks()
    told = [tasks[job.task].automatic(job) for job in app.jobs()]
    assert told[-2:] == [False, False]
    assert set(told[:-2]) == {True}


async def test_the_delay_of_a_retry_ends_with_the_last_attempt(docket, app):
    docket.register(bake)
    delay = app.tasks()["bake"].delay
    assert [delay(attempt, ValueError()) for attempt in (1, 2, 3)] == [MINUTE, MINUTE, None]


async def test_an_exponential_delay_doubles(docket, app):
    async def knead(retry: Retry = ExponentialRetry(4, MINUTE, 3 * MINUTE)): ...

    docket.register(knead)
    delay = app.tasks()["knead"].delay
    assert [delay(attempt, ValueError()) for attempt in (1, 2, 3)] == [
        MINUTE,
        2 * MINUTE,
        3 * MINUTE,
    ]


async def test_a_function_has_the_name_it_is_registered_under(docket, app):
    docket.register(bake, names=["oven"])
    assert app.name_of(bake) == "oven"
    assert app.name_of(look) == "look"
    assert app.name_of(7) is None


async def test_a_job_is_told_with_its_arguments_and_the_key_that_was_chosen(docket, app):
    docket.register(bake)
    await docket.add(bake, key="first")("rye")
    await docket.add(bake)(kind="wheat")
    told = [app.tell(job) for job in app.jobs()]
    assert [(one.args, one.kwargs, one.key) for one in told] == [
        (("rye",), {}, "first"),
        ((), {"kind": "wheat"}, None),
    ]


async def test_a_call_is_enqueued_as_if_attempts_had_failed(docket, app, seen):
    async def knead(retry: Retry = Retry(3)):
        seen.append(retry.attempt)

    docket.register(knead)
    job = await app.enqueue(Call("knead", attempt=3))
    assert await app.run() == 1
    assert (seen, (await docket.queue.get(job.id)).state) == ([3], State.SUCCEEDED)


async def test_a_call_of_an_unknown_task_is_refused(app):
    with pytest.raises(UnknownTask):
        await app.enqueue(Call("nobody"))


async def test_a_run_ends_after_so_many_attempts_and_leaves_what_is_not_due(docket, app, note):
    docket.register(note)
    later = app.clock.now() + 60_000_000
    for at in (None, None, later):
        await app.enqueue(Call("note", at=at))
    assert [await app.run(Bounds(attempts=1)), await app.run(), await app.run()] == [1, 1, 0]


async def test_workers_run_until_they_are_cancelled(docket, app):
    ran = asyncio.Event()

    async def ring():
        ran.set()

    running = asyncio.create_task(app.run_forever(workers=2))
    await docket.add(ring)()
    await ran.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not docket.queue.runs


async def test_a_function_is_registered_as_add_does_it(docket):
    async def proof(): ...

    app = docket.under_test()
    assert app.register(proof) == "proof"
    assert docket.tasks["proof"] is proof
    assert (app.register("bake"), app.register(7)) == (None, None)
