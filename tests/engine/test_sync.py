"""Sync code and a queue: no loop, or one loop after the other."""

import asyncio

import pytest

from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.sync import drive
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
