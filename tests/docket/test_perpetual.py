"""Perpetual: the next run, its time and its arguments."""

import asyncio
from datetime import timedelta
from threading import Lock

import pytest

from pytest_taskq.docket import Docket, ExecutionState, Perpetual, Retry, Worker
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.stores.memory import MemoryStore

pytestmark = pytest.mark.asyncio

HOUR = timedelta(hours=1)


async def next_run(docket):
    (execution,) = (await docket.snapshot()).future
    return execution


async def test_the_next_run_has_the_same_key_and_arguments(docket, worker, taskq_clock):
    async def look(room, *, lamp, perpetual: Perpetual = Perpetual(every=HOUR)):
        assert (perpetual.args, perpetual.kwargs) == (("cellar",), {"lamp": True})

    await docket.add(look, key="k")("cellar", lamp=True)
    await worker.run_until_finished()
    execution = await next_run(docket)
    assert (execution.key, execution.args, execution.kwargs) == ("k", ("cellar",), {"lamp": True})
    assert execution.when == taskq_clock.time() + HOUR


async def test_time_is_counted_from_the_start_of_a_run(docket, worker, taskq_clock):
    start = taskq_clock.time()

    async def look(minutes, perpetual: Perpetual = Perpetual(every=HOUR)):
        taskq_clock.advance(minutes=minutes)
        perpetual.perpetuate(90)

    await docket.add(look)(20)
    await worker.run_until_finished()
    assert (await next_run(docket)).when == start + HOUR
    taskq_clock.move_to(start + HOUR)
    with pytest.raises(Exception, match="does not end"):
        await worker.run_until_finished()


async def test_a_failure_does_not_end_it_but_retries_come_first(docket, worker):
    attempts = []

    async def look(
        retry: Retry = Retry(attempts=2),
        perpetual: Perpetual = Perpetual(),
    ):
        attempts.append(retry.attempt)
        raise ValueError

    await docket.add(look, key="k")()
    await worker.run_at_most({"k": 5})
    assert attempts == [1, 2, 1, 2, 1]


@pytest.mark.parametrize(
    ("say", "hours"),
    [
        (lambda perpetual, now: perpetual.after(3 * HOUR), 3),
        (lambda perpetual, now: perpetual.at(now + 4 * HOUR), 4),
        (lambda perpetual, now: perpetual.at(now - 4 * HOUR), 0),
        (lambda perpetual, now: setattr(perpetual, "every", 5 * HOUR), 5),
    ],
)
async def test_the_task_may_say_when(docket, worker, taskq_clock, say, hours):
    runs = []

    async def look(perpetual: Perpetual = Perpetual(every=HOUR)):
        runs.append(1)
        if len(runs) == 1:
            say(perpetual, taskq_clock.time())
        else:
            perpetual.cancel()

    await docket.add(look, key="k")()
    await worker.run_until_finished()
    if hours:
        assert (await next_run(docket)).when == taskq_clock.time() + hours * HOUR
    else:
        assert len(runs) == 2


async def test_a_cancelled_one_has_no_next_run_and_keeps_its_result(docket, worker):
    async def look(perpetual: Perpetual = Perpetual()):
        perpetual.cancel()
        return "nothing to see"

    execution = await docket.add(look)()
    await worker.run_until_finished()
    assert (await docket.snapshot()).total_tasks == 0
    assert await execution.get_result() == "nothing to see"


async def test_a_replacement_from_inside_wins(docket, worker, taskq_clock):
    at = taskq_clock.time() + 9 * HOUR

    async def look(room, perpetual: Perpetual = Perpetual(every=HOUR)):
        await docket.replace(look, at, "k")("attic")

    await docket.add(look, key="k")("cellar")
    await worker.run_until_finished()
    execution = await next_run(docket)
    assert (execution.args, execution.when) == (("attic",), at)


async def test_while_a_run_is_in_hand_the_next_one_is_not_there_yet(docket, worker):
    seen = []

    async def look(perpetual: Perpetual = Perpetual()):
        await asyncio.sleep(0)
        snapshot = await docket.snapshot()
        seen.append((len(snapshot.future), len(snapshot.running)))

    await docket.add(look, key="k")()
    await worker.run_at_most({"k": 3})
    assert seen == [(0, 1)] * 3
    assert (await docket.get_execution("k")).state is ExecutionState.COMPLETED


@pytest.mark.taskq_strict(False)
async def test_arguments_that_cannot_be_stored_fail_the_run_and_not_the_chain(docket, worker):
    async def look(room, perpetual: Perpetual = Perpetual(every=HOUR)):
        perpetual.perpetuate(Lock())

    await docket.add(look, key="k")("cellar")
    await worker.run_at_most({"k": 1})
    failed = docket.queue.history.errors()
    assert [type(error) for _, error in failed] == [TypeError]
    assert (await docket.get_execution("k")).args == ("cellar",)


@pytest.mark.parametrize("mode", ["held", "auto"])
async def test_when_time_is_elapsed_each_run_is_at_its_exact_instant(mode):
    clock, runs = Clock(mode), []
    docket = Docket.on_queue(Queue(MemoryStore(), clock))

    async def look(perpetual: Perpetual = Perpetual(every=HOUR)):
        runs.append(clock.time())

    start = clock.time() + HOUR
    await docket.add(look, when=start)()
    with clock.in_loop():
        run = asyncio.create_task(Worker(docket).run_forever())
        await clock.elapse("7d1s")
        run.cancel()
        await run
    assert runs == [start + number * HOUR for number in range(7 * 24)]


async def test_called_directly_its_words_work_and_its_wishes_can_be_read():
    perpetual = Perpetual()
    perpetual.perpetuate(1, two=2)
    perpetual.after(HOUR)
    perpetual.cancel()
    assert (perpetual.args, perpetual.kwargs, perpetual.cancelled) == ((1,), {"two": 2}, True)
