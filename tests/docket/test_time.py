"""Everything that takes time obeys the clock of the test, and stands still when that does."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated
from unittest import mock

import pytest

from pytest_taskq.docket import (
    Cron,
    CurrentExecution,
    Docket,
    ExecutionState,
    Perpetual,
    Retry,
    Timeout,
    Worker,
)
from pytest_taskq.docket.dependencies import Cooldown, Debounce, RateLimit

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.taskq_time("2030-01-01T00:00:00+00:00"),
    pytest.mark.taskq_strict(False),
]

HOUR = timedelta(hours=1)


@pytest.fixture
def starts(taskq_clock):
    """The hours since the beginning at which a task ran; put there by ``starts.note``."""

    class Starts(list):
        began = taskq_clock.time()

        def note(self):
            self.append((taskq_clock.time() - self.began) / HOUR)

    return Starts()


@pytest.fixture
def run_hours(taskq_clock, worker):
    """Runs what is due, then an hour later, and so on."""

    async def run_hours(hours):
        for _ in range(hours):
            await worker.run_until_finished()
            taskq_clock.advance(HOUR)
        await worker.run_until_finished()

    return run_hours


async def test_a_retry_waits(docket, run_hours, starts):
    async def fail(retry: Retry = Retry(attempts=3, delay=2 * HOUR)):
        starts.note()
        raise ValueError

    await docket.add(fail)()
    await run_hours(9)
    assert starts == [0, 2, 4]


async def test_a_perpetual_task_waits(docket, run_hours, starts):
    async def look(perpetual: Perpetual = Perpetual(every=2 * HOUR)):
        starts.note()

    await docket.add(look)()
    await run_hours(5)
    assert starts == [0, 2, 4]


async def test_a_cron_waits_for_its_time(docket, run_hours, starts):
    async def report(cron: Cron = Cron("0 3,5 * * *")):
        starts.note()

    docket.register(report)
    await run_hours(30)
    assert starts == [3, 5, 27, 29]


async def test_an_automatic_task_that_was_cancelled_comes_back_within_a_minute(docket, taskq_clock):
    async def look(perpetual: Perpetual = Perpetual(every=HOUR, automatic=True)): ...

    docket.register(look)
    running = asyncio.create_task(Worker(docket).run_forever())
    await taskq_clock.elapse(seconds=30)
    await docket.cancel("look")
    assert (await docket.snapshot()).total_tasks == 0
    await taskq_clock.elapse(seconds=61)
    assert [one.key for one in (await docket.snapshot()).future] == ["look"]
    running.cancel()
    await asyncio.wait({running})


async def test_an_automatic_task_that_comes_late_is_scheduled_within_a_minute(docket, taskq_clock):
    async def look(perpetual: Perpetual = Perpetual(every=HOUR, automatic=True)): ...

    running = asyncio.create_task(Worker(docket).run_forever())
    await taskq_clock.elapse(seconds=30)
    await asyncio.to_thread(docket.register, look)
    for _ in range(2):
        assert (await docket.snapshot()).total_tasks == 0
        await taskq_clock.elapse(seconds=61)
        assert [one.key for one in (await docket.snapshot()).future] == ["look"]
        await docket.cancel("look")
    running.cancel()
    await asyncio.wait({running})


async def test_a_cooldown_ends(docket, run_hours, starts, taskq_clock):
    async def ring(cooldown: Cooldown = Cooldown(2 * HOUR)):
        starts.note()

    now = taskq_clock.time()
    for hour in range(6):
        await docket.add(ring, when=now + hour * HOUR)()
    await run_hours(6)
    assert starts == [0, 2, 4]


async def test_a_debounce_waits_for_quiet(docket, run_hours, starts, taskq_clock):
    async def ring(n, debounce: Debounce = Debounce(2 * HOUR)):
        starts.note()

    now = taskq_clock.time()
    for hour in (0, 1, 2):
        await docket.add(ring, when=now + hour * HOUR)(hour)
    await run_hours(6)
    assert starts == [4]


async def test_a_rate_limit_waits_for_room(docket, run_hours, starts):
    async def ring(rate: RateLimit = RateLimit(2, per=3 * HOUR)):
        starts.note()

    for _ in range(5):
        await docket.add(ring)()
    await run_hours(8)
    assert starts == [0, 0, 3, 3, 6]


async def test_windows_of_arguments_are_apart(docket, run_hours, starts):
    async def ring(bell: Annotated[str, RateLimit(1, per=HOUR)]):
        starts.note()

    for bell in ("front", "front", "back"):
        await docket.add(ring)(bell)
    await run_hours(2)
    assert starts == [0, 0, 1]


async def test_a_time_out_comes_when_the_clock_says(docket, taskq_clock):
    async def wait(limit: Timeout = Timeout(HOUR)):
        limit.extend(HOUR)
        await asyncio.Event().wait()

    execution = await docket.add(wait)()
    running = asyncio.create_task(Worker(docket).run_forever())
    for state in (ExecutionState.RUNNING, ExecutionState.FAILED):
        await taskq_clock.elapse(minutes=61)
        await execution.sync()
        assert execution.state is state
    running.cancel()
    await asyncio.wait({running})


async def test_a_record_is_forgotten_when_its_time_is_over(docket, worker, note, taskq_clock):
    docket.execution_ttl = HOUR
    await docket.add(note, key="k")()
    await worker.run_until_finished()
    taskq_clock.advance(minutes=59)
    assert await docket.get_execution("k") is not None
    taskq_clock.advance(minutes=1)
    assert await docket.get_execution("k") is None


async def test_what_a_worker_lets_lie_is_taken_by_another_one(docket, taskq_clock, seen):
    async def work(execution=CurrentExecution(), retry: Retry = Retry(attempts=2)):
        seen.append((execution.redelivered, retry.attempt))

    await docket.add(work, key="k")()
    execution = await docket.get_execution("k")
    assert await execution.claim("somebody who never comes back")
    worker = Worker(docket, redelivery_timeout=HOUR)
    await worker.run_until_finished()
    assert seen == []
    taskq_clock.advance(hours=5)
    await worker.run_until_finished()
    assert seen == [(True, 1)]


async def test_a_patched_datetime_moves_the_clock(docket, worker, note, seen):
    when = datetime(2030, 1, 2, tzinfo=UTC)
    await docket.add(note, when=when)("later")
    await worker.run_until_finished()
    assert seen == []
    with mock.patch("pytest_taskq.docket.datetime") as patched:
        patched.now.return_value = when + timedelta(seconds=1)
        await worker.run_until_finished()
    assert seen == [(("later",), {})]


async def test_a_docket_of_ones_own_is_on_the_clock_of_the_test_too(note, seen, taskq_clock):
    async with Docket("own", "memory://own") as docket, Worker(docket) as worker:
        await docket.add(note, when=taskq_clock.time() + HOUR)()
        await worker.run_until_finished()
        assert seen == []
        taskq_clock.advance(HOUR)
        await worker.run_until_finished()
        assert len(seen) == 1
