"""Docket: what a key stands for, in adding, replacing and cancelling."""

import asyncio
from datetime import timedelta
from threading import Lock

import pytest

from pytest_taskq.docket import (
    CurrentDocket,
    Disposition,
    Docket,
    ExecutionState,
    Perpetual,
    Retry,
)

pytestmark = pytest.mark.asyncio

HOUR = timedelta(hours=1)


async def test_one_scheduler_has_one_key(docket, note):
    schedule = docket.add(note)
    first, second = await schedule(1), await schedule(2)
    assert first.key == second.key
    assert second.disposition is Disposition.ALREADY_SCHEDULED


async def test_a_key_is_taken_while_its_task_waits_or_runs_and_free_afterwards(docket, worker):
    inside = []

    async def brew(docket: Docket = CurrentDocket()):
        inside.append(await docket.add(brew, key="k")())

    first = await docket.add(brew, key="k")()
    second = await docket.add(brew, key="k")()
    await worker.run_until_finished()
    (third,) = inside
    fourth = await docket.add(brew, key="k")()
    assert [execution.disposition for execution in (first, second, third, fourth)] == [
        Disposition.SCHEDULED,
        Disposition.ALREADY_SCHEDULED,
        Disposition.ALREADY_SCHEDULED,
        Disposition.SCHEDULED,
    ]


async def test_replace_takes_the_place_of_what_waits(docket, worker, note, seen):
    now = docket.queue.clock.time()
    await docket.add(note, when=now + HOUR, key="k")("old")
    execution = await docket.replace(note, now + 2 * HOUR, "k")("new")
    assert execution.disposition is Disposition.SCHEDULED
    assert [task.when for task in (await docket.snapshot()).future] == [now + 2 * HOUR]
    await worker.run_until_finished()
    assert seen == [(("new",), {})]


async def test_replace_of_a_key_nobody_has_is_an_add(docket, worker, note, seen):
    docket.register(note)
    await docket.replace("note", docket.queue.clock.time(), "k")("new")
    await worker.run_until_finished()
    assert seen == [(("new",), {})]


async def test_replace_with_what_cannot_be_stored_leaves_the_old_one(docket, note):
    await docket.add(note, key="k")("old")
    with pytest.raises(TypeError):
        await docket.replace(note, docket.queue.clock.time(), "k")(Lock())
    assert (await docket.get_execution("k")).args == ("old",)


async def test_a_running_task_that_is_replaced_ends_and_the_new_one_runs_too(
    docket, worker, states
):
    seen = []

    async def brew(cup, retry: Retry = Retry(attempts=5)):
        seen.append(cup)
        if cup == 1:
            for new in (2, 3):
                await docket.replace(brew, docket.queue.clock.time(), "k")(new)
            raise ValueError("spilled")

    await docket.add(brew, key="k")(1)
    await worker.run_until_finished()
    assert seen == [1, 3]
    assert await states("k") == [ExecutionState.COMPLETED]
    assert (await docket.add(brew, key="k")(4)).disposition is Disposition.SCHEDULED


async def test_a_replacement_that_has_ended_already_still_stops_the_chain_before_it(docket, worker):
    seen, drunk, done = [], asyncio.Event(), asyncio.Event()

    async def brew(cup, perpetual: Perpetual = Perpetual()):
        seen.append(cup)
        if cup == "old":
            await docket.replace(drink, docket.queue.clock.time(), "k")()
            await done.wait()

    async def drink():
        seen.append("drunk")
        drunk.set()

    docket.register(drink)
    await docket.add(brew, key="k")("old")
    run = asyncio.create_task(worker.run_until_finished())
    async with asyncio.timeout(2):
        await drunk.wait()
        await (await docket.get_execution("k")).get_result()
        done.set()
        await run
    assert seen == ["old", "drunk"]


async def test_cancel_takes_back_what_waits(docket, worker, note, seen, states):
    await docket.add(note, key="now")()
    await docket.add(note, key="later", when=docket.queue.clock.time() + HOUR)()
    for key in ("now", "later", "later", "unknown"):
        await docket.cancel(key)
    await worker.run_until_finished()
    assert seen == []
    assert await states("now", "later") == [ExecutionState.CANCELLED] * 2
    assert (await docket.get_execution("now")).completed_at is not None
    assert (await docket.add(note, key="now")()).disposition is Disposition.SCHEDULED


async def test_cancel_stops_what_runs_without_a_retry_or_a_next_run(docket, worker, states):
    seen = []

    async def brew(
        retry: Retry = Retry(attempts=3),
        perpetual: Perpetual = Perpetual(),
    ):
        try:
            await docket.cancel("k")
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("stopped")
            raise

    await docket.add(brew, key="k")()
    await worker.run_until_finished()
    assert seen == ["stopped"]
    assert await states("k") == [ExecutionState.CANCELLED]
