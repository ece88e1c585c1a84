"""A worker that dies before anybody stops it is told as that, with what it died of."""

import asyncio

import pytest

from pytest_taskq.testing.workers import RunningWorker, drained, running

pytestmark = pytest.mark.asyncio

DIED = r"^worker ended before it was stopped: ValueError\('a stone in 1'\)$"


class Mill:
    """One stone that breaks at the first grain."""

    def __init__(self):
        self.hopper = asyncio.Queue()

    async def run(self):
        await self.grind()

    async def grind(self):
        while True:
            grain = await self.hopper.get()
            try:
                raise ValueError(f"a stone in {grain}")
            finally:
                self.hopper.task_done()

    async def stop(self): ...


class Pool(Mill):
    """Several stones, and who waits for them all."""

    async def run(self):
        self.stones = [asyncio.create_task(self.grind()) for _ in range(2)]
        await asyncio.gather(*self.stones)

    async def stop(self):
        for stone in self.stones:
            stone.cancel()


class Pools(Pool):
    """The same, one level deeper."""

    async def run(self):
        self.stones = [asyncio.create_task(Pool.run(mill := Pool()))]
        self.hopper = mill.hopper
        await asyncio.gather(*self.stones)


class Watermill(Mill):
    """Its start comes back, while the stone turns."""

    async def start(self):
        self.stone = asyncio.create_task(self.grind())

    run = None

    stopped = False

    async def stop(self):
        self.stopped = True
        self.stone.cancel()
        await asyncio.gather(self.stone, return_exceptions=True)


@pytest.mark.parametrize("stops", [True, False])
async def test_a_task_that_has_died_was_not_ended_by_stop(stops):
    mill = Watermill()
    told = r"^a task of the worker ended before it was stopped: ValueError\('a stone in 1'\)$"

    async def body():
        async with running(mill) as w:
            await mill.hopper.put(1)
            await mill.hopper.join()
            if stops:
                await w.stop()

    with pytest.raises(AssertionError, match=told) as caught:
        await body()
    assert isinstance(caught.value.__cause__, ValueError)
    assert mill.stopped is stops  # one that is over need not be stopped


async def test_a_task_whose_failure_the_worker_has_dealt_with_is_its_own_affair():
    class Careful(Watermill):
        async def start(self):
            self.stone = asyncio.create_task(self.mind())
            self.broken = 0

        async def mind(self):
            while True:
                try:
                    await asyncio.create_task(self.grind())
                except ValueError:
                    self.broken += 1

    mill = Careful()
    async with running(mill) as w:
        for grain in (1, 2):
            await mill.hopper.put(grain)
        await mill.hopper.join()
        await w.stop()
    assert mill.broken == 2


each = pytest.mark.parametrize("make", [Mill, Pool, Pools])


async def work(mill, wait, then=None):
    async with running(mill) as w:
        await mill.hopper.put(1)
        await wait(mill.hopper)
        if then is not None:
            await then(w)


@each
@pytest.mark.parametrize("wait", [drained, asyncio.Queue.join, lambda _: asyncio.Event().wait()])
async def test_it_is_told_however_the_body_waits(make, wait):
    with pytest.raises(AssertionError, match=DIED) as raised:
        await work(make(), wait)
    assert isinstance(raised.value.__cause__, ValueError)
    assert asyncio.current_task().cancelling() == 0


@each
@pytest.mark.parametrize("end", [RunningWorker.stop, RunningWorker.shutdown])
async def test_it_is_told_when_the_body_stops_it(make, end):
    with pytest.raises(AssertionError, match=DIED):
        await work(make(), asyncio.Queue.join, end)


@each
async def test_it_is_told_beside_the_error_of_the_body(make):
    async def fail(_):
        raise LookupError

    with pytest.raises(LookupError) as raised:
        await work(make(), asyncio.Queue.join, fail)
    assert raised.value.__notes__ == [
        "And the worker: worker ended before it was stopped: ValueError('a stone in 1')"
    ]


async def test_a_stone_that_its_pool_replaces_is_no_death():
    class Careful(Pool):
        async def run(self):
            self.stones = [asyncio.create_task(self.grind())]
            await asyncio.gather(*self.stones, return_exceptions=True)
            self.stones = [asyncio.create_task(self.grind())]
            await asyncio.gather(*self.stones, return_exceptions=True)

    await work(Careful(), asyncio.Queue.join)
