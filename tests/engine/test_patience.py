"""A store that has to wait stops the clock for as long, and for no longer."""

import asyncio
import threading
from contextlib import asynccontextmanager

import pytest

from pytest_taskq.core.errors import StoreUnavailable
from pytest_taskq.engine.clock import Clock, give_way
from pytest_taskq.engine.patience import PatientStore
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


@pytest.mark.parametrize("backend", ["redis", "postgres"])
async def test_a_jump_of_the_clock_ends_no_call_that_is_under_way(backend, backends):
    clock = Clock("held")
    store = backends.open(backend, backends.new_namespace())
    queue = Queue(store, clock)
    with clock.in_loop():
        for _ in range(2):  # before the connection is there, and then on it
            finding = asyncio.gather(*[queue.find() for _ in range(3)])
            await give_way()
            await give_way()
            clock.advance(hours=1)
            assert await finding == [[], [], []]
    await backends.discard(store)


class SilentStore(WaitingStore):
    """Never answers."""

    async def _waited(self, call):
        call.close()
        await asyncio.Event().wait()

    def __repr__(self):
        return "<SilentStore>"


@pytest.mark.parametrize("mode", ["auto", "held"])
async def test_a_store_that_never_answers_does_not_hang_a_test(mode):
    clock = Clock(mode)
    with clock.in_loop():
        store = PatientStore(SilentStore(), clock, seconds=0.01)
        with pytest.raises(StoreUnavailable) as caught:
            await store.get(1)
    assert str(caught.value) == (
        "The store of a queue does not answer. <SilentStore> was asked to get, and has said "
        "nothing for 0.01 real seconds. Look whether its server lives, and whether something "
        "else has locked what it needs."
    )
    assert clock.reasons == []


async def test_a_time_out_of_its_own_that_a_store_raises_stays_what_it_is():
    class Late(WaitingStore):
        async def _waited(self, call):
            call.close()
            raise TimeoutError("from the driver")

    clock = Clock("auto")
    with clock.in_loop(), pytest.raises(TimeoutError, match="from the driver"):
        await PatientStore(Late(), clock).get(1)


async def test_a_store_that_never_waits_and_one_on_a_real_clock_are_used_as_they_are():
    quick, slow = MemoryStore(), SlowStore()
    assert Queue(quick, Clock("auto")).store is quick
    assert Queue(slow, Clock("real")).store is slow
