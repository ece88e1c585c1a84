"""What an app of the facade tells the harness."""

import asyncio
from datetime import timedelta

import pytest

from pytest_taskq import wait_until
from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import State
from pytest_taskq.engine.under_test import AppUnderTest, Bounds, Call
from pytest_taskq.soniq import JobContext, SoniqError

pytestmark = pytest.mark.asyncio


@pytest.fixture
def ran():
    return []


@pytest.fixture
def bake(soniq_app, ran):
    @soniq_app.job(name="bread.bake", max_retries=2, retry_delay=[5, 60], priority=7)
    async def bake(ctx: JobContext, loaves, kind="rye"):
        ran.append((loaves, kind, ctx.attempt))
        if kind == "burnt":
            raise ValueError(kind)

    return bake


@pytest.fixture
def seen(soniq_app, bake) -> AppUnderTest:
    return soniq_app.under_test()


async def test_it_tells_the_tasks_with_what_the_library_fills_in(seen, bake):
    info = seen.tasks()["bread.bake"]
    assert (info.name, info.given) == ("bread.bake", {"ctx"})
    assert not info.automatic(await seen.enqueue(Call("bread.bake", (3,))))
    assert info.function.__name__ == "bake"
    delays = [info.delay(attempt, ValueError()) for attempt in (1, 2, 3)]
    assert delays == [timedelta(seconds=5), timedelta(minutes=1), None]


async def test_a_delay_is_told_without_its_jitter(soniq_app):
    @soniq_app.job(name="doubling", retry_delay=4, retry_backoff=True)
    async def doubling(): ...

    delay = soniq_app.under_test().tasks()["doubling"].delay
    assert [delay(n, ValueError()).total_seconds() for n in (1, 2, 3)] == [4, 8, 16]


async def test_a_job_that_is_never_retried_has_no_delays(soniq_app):
    soniq_app.job(name="once", max_retries=0)(lambda: None)
    assert soniq_app.under_test().tasks()["once"].delay is None


async def test_a_function_has_the_name_under_which_it_is_enqueued(seen, bake):
    async def unregistered(): ...

    assert seen.name_of(bake) == seen.name_of(bake.__wrapped__) == "bread.bake"
    assert seen.name_of(unregistered).endswith(".unregistered")
    assert seen.name_of(42) is None


async def test_a_job_is_told_in_the_words_of_soniq(soniq_app, seen, bake):
    await soniq_app.enqueue(bake, loaves=2, priority=20, dedup_key="monday")
    await soniq_app.enqueue(bake, loaves=3)
    first, second = map(seen.tell, seen.jobs())
    assert first == ((), {"loaves": 2}, 20, "monday")
    assert second == ((), {"loaves": 3}, 7, None)


async def test_it_enqueues_with_the_checks_of_the_app(soniq_app, seen):
    job = await seen.enqueue(Call("bread.bake", (4,), {"kind": "oat"}))
    assert seen.tell(job).kwargs == {"loaves": 4, "kind": "oat"}
    assert await soniq_app.get_job((await soniq_app.list_jobs())[0]["id"])
    with pytest.raises(SoniqError):
        await seen.enqueue(Call("bread.bake", (4,), {"size": 1}))
    with pytest.raises(SoniqError):
        await seen.enqueue(Call("bread.bka"))


async def test_it_enqueues_at_an_instant_and_as_a_later_attempt(seen, ran, taskq_clock):
    at = taskq_clock.now() + 60_000_000
    job = await seen.enqueue(Call("bread.bake", (1,), at=at, attempt=3))
    assert to_datetime(job.due_at) == taskq_clock.time() + timedelta(minutes=1)
    assert await seen.run() == 0
    taskq_clock.advance(60)
    assert await seen.run() == 1
    assert ran == [(1, "rye", 3)]


async def test_it_runs_what_is_due_and_keeps_errors_in_the_history(seen, ran):
    await seen.enqueue(Call("bread.bake", (1,), {"kind": "burnt"}, attempt=3))
    await seen.enqueue(Call("bread.bake", (2,)))
    assert await seen.run(Bounds(attempts=1)) == 1
    assert ran == [(1, "burnt", 3)]
    assert await seen.run() == 1
    assert [job.state for job in seen.jobs()] == [State.DEAD, State.SUCCEEDED]
    ((_, error),) = seen.history.errors()
    assert isinstance(error, ValueError)


async def test_it_runs_chosen_jobs_and_ends_when_told(seen, ran):
    for loaves in (1, 2, 3):
        await seen.enqueue(Call("bread.bake", (loaves,)))
    assert await seen.run(Bounds(only=lambda job: seen.tell(job).kwargs["loaves"] == 2)) == 1
    assert await seen.run(Bounds(ends=lambda: True)) == 1
    assert [loaves for loaves, _, _ in ran] == [2, 1]


async def test_it_lets_time_pass_to_an_instant(seen, ran, taskq_clock):
    end = taskq_clock.now() + 3_600_000_000
    await seen.enqueue(Call("bread.bake", (1,), {"kind": "burnt"}))
    assert await seen.run(Bounds(until=end)) == 3
    assert taskq_clock.now() == end
    assert [attempt for _, _, attempt in ran] == [1, 2, 3]


async def test_live_workers_run_until_they_are_cancelled(seen, ran):
    workers = asyncio.create_task(seen.run_forever(workers=2))
    await seen.enqueue(Call("bread.bake", (1,)))
    await wait_until(lambda: ran)
    workers.cancel()
    with pytest.raises(asyncio.CancelledError):
        await workers
    assert [job.state for job in seen.jobs()] == [State.SUCCEEDED]


async def test_a_job_in_hand_is_finished_before_the_live_workers_end(soniq_app, seen, taskq_clock):
    @soniq_app.job(name="slow")
    async def slow():
        begun.set()
        await asyncio.sleep(5)

    begun = asyncio.Event()
    workers = asyncio.create_task(seen.run_forever())
    await seen.enqueue(Call("slow"))
    await begun.wait()
    workers.cancel()
    await taskq_clock.elapse(5)
    with pytest.raises(asyncio.CancelledError):
        await workers
    assert [job.state for job in seen.jobs()] == [State.SUCCEEDED]
