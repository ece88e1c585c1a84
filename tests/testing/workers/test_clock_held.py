"""On a clock that is held a check ends when nothing can move, and says why."""

import asyncio
import threading

import pytest

from pytest_taskq.engine.machine import Stopwatch
from pytest_taskq.testing.workers import drained, running


@pytest.fixture(autouse=True)
def mode(taskq_clock):
    """Hold the clock, in place of the modes of the tests beside these."""
    taskq_clock.mode = "held"


async def slowly(queue, seconds):
    while True:
        await queue.get()
        await asyncio.sleep(seconds)
        queue.task_done()


@pytest.fixture
def queue():
    queue = asyncio.Queue()
    for number in range(6):
        queue.put_nowait(number)
    return queue


@pytest.mark.asyncio
async def test_a_queue_that_is_not_drained_is_told_at_once(queue):
    stopwatch = Stopwatch()
    async with running(slowly(queue, 10)):
        with pytest.raises(AssertionError) as caught:
            await drained(queue, within=60)
    assert stopwatch.seconds() < 30
    place = f"test_clock_held.py:{slowly.__code__.co_firstlineno + 3}"
    assert str(caught.value) == (
        "queue not drained: 5 items left, 1 taken but unfinished; 0 is in hand: "
        f"slowly waits on sleep ({place}).\nThe clock is held: let time pass with "
        "`await taskq_clock.elapse(...)`, or leave it auto."
    )


@pytest.mark.asyncio
async def test_one_that_somebody_else_lets_time_pass_for_passes(queue, taskq_clock):
    async with running(slowly(queue, 10)):
        await asyncio.gather(drained(queue, within=90), taskq_clock.elapse("2m"))


@pytest.mark.asyncio
async def test_so_does_one_whose_consumer_needs_turns_and_a_thread_alone(queue):
    gate = threading.Event()

    async def consume():
        for _ in range(6):
            await queue.get()
            await asyncio.to_thread(gate.wait, 60)
            queue.task_done()

    async with running(consume()):
        asyncio.get_running_loop().call_soon(threading.Timer(0.05, gate.set).start)
        await drained(queue)
