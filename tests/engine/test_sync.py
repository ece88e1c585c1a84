"""Sync code and a queue: no loop, or one loop after the other."""

import asyncio
import threading

import pytest

from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.sync import begin, close, drive, is_own_loop, wait_for
from pytest_taskq.stores.memory import MemoryStore


async def add(queue):
    return await queue.enqueue(queue.new_job("bake"))


def test_one_loop_after_the_other_is_fine():
    queue = Queue(MemoryStore(), Clock("held"))
    asyncio.run(add(queue))
    asyncio.run(add(queue))
    drive(add(queue))
    assert len(drive(queue.find())) == 3


def test_a_call_that_has_to_wait_says_so():
    async def yields():
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="Use the async form"):
        drive(yields())


def test_a_call_that_waits_runs_on_a_loop_of_our_own_which_can_be_ended_and_begun_anew():
    async def where():
        await asyncio.sleep(0)
        return asyncio.get_running_loop()

    first = wait_for(where())
    assert is_own_loop(first)
    assert wait_for(where()) is first
    close()
    assert first.is_closed()
    assert wait_for(where()) is not first


def test_the_end_of_our_own_loop_ends_what_is_open_on_it():
    ended = []

    async def held():
        try:
            yield
        finally:
            ended.append(True)

    holder = held()

    async def begin():
        await anext(holder)

    wait_for(begin())
    close()
    assert ended == [True]


def test_the_end_of_our_own_loop_waits_for_what_has_begun_on_it():
    over = threading.Event()

    async def go():
        await asyncio.to_thread(over.wait)
        return 7

    begun = begin(go())
    ending = threading.Thread(target=close)
    ending.start()
    over.set()
    ending.join()
    assert begun.result(0) == 7
