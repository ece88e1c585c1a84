"""A store that has to wait stops the clock for as long, and for no longer."""

import asyncio
import threading
from contextlib import asynccontextmanager

import pytest

from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.stores.memory import MemoryStore
from support.waiting import WaitingStore

pytestmark = pytest.mark.asyncio


class SlowStore(WaitingStore):
    """Answers when a thread that no loop knows of lets it."""

    async def _waited(self, call):
        loop = asyncio.get_running_loop()
        answered = loop.create_future()
        threading.Timer(0.02, loop.call_soon_threadsafe, [answered.set_result, None]).start()
        await answered
        return await call

    @asynccontextmanager
    async def watch(self, changed):
        await self._waited(asyncio.sleep(0))
        yield
        await self._waited(asyncio.sleep(0))

    async def aclose(self):
        await self._waited(super().aclose())


async def test_no_time_out_overtakes_the_answer_of_a_store():
    clock = Clock("auto")
    queue = Queue(SlowStore(), clock)
    with clock.in_loop():
        async with asyncio.timeout(60):
            job = await queue.enqueue(queue.new_job("weigh"))
            assert await queue.get(job.id) == job
            assert await queue.find() == [job]
            async with queue.store.watch(lambda: None):
                assert clock.reasons == []
            assert await queue.delete([job]) == 1
            await queue.clear()
            await queue.aclose()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 60)


async def test_a_store_that_never_waits_and_one_on_a_real_clock_are_used_as_they_are():
    quick, slow = MemoryStore(), SlowStore()
    assert Queue(quick, Clock("auto")).store is quick
    assert Queue(slow, Clock("real")).store is slow
