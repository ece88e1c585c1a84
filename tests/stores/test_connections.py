"""One connection for each loop, which goes with it."""

import asyncio
import gc
import weakref

import pytest

from pytest_taskq.stores._connections import PerLoop


class Line:
    def __init__(self) -> None:
        self.open = True

    async def hang_up(self) -> None:
        await asyncio.sleep(0)
        self.open = False


class Exchange:
    """Opens lines, and counts them; the first ``broken`` calls fail."""

    def __init__(self, broken: int = 0) -> None:
        self.broken = broken
        self.lines: list[Line] = []
        self.per_loop = PerLoop(self.dial, Line.hang_up)

    async def dial(self) -> Line:
        await asyncio.sleep(0)
        if self.broken:
            self.broken -= 1
            raise ConnectionError("engaged")
        self.lines.append(Line())
        return self.lines[-1]


def test_all_callers_on_a_loop_share_one_connection():
    exchange = Exchange()

    async def call() -> None:
        got = await asyncio.gather(*[exchange.per_loop.get() for _ in range(5)])
        got.append(await exchange.per_loop.get())
        assert got == exchange.lines * 6
        assert exchange.lines[0].open

    asyncio.run(call())


def test_the_end_of_a_loop_closes_its_connection_and_the_next_one_has_its_own():
    exchange = Exchange()
    asyncio.run(exchange.per_loop.get())

    asyncio.run(exchange.per_loop.get())

    assert [line.open for line in exchange.lines] == [False, False]
    assert len(exchange.lines) == 2


def test_a_connection_that_cannot_be_opened_is_tried_again_at_the_next_call():
    exchange = Exchange(broken=1)

    async def call() -> None:
        with pytest.raises(ConnectionError, match="engaged"):
            await exchange.per_loop.get()
        await exchange.per_loop.get()

    asyncio.run(call())
    assert len(exchange.lines) == 1


def test_a_caller_that_is_cancelled_leaves_the_connection_to_the_others():
    exchange = Exchange()

    async def call() -> None:
        impatient = asyncio.create_task(exchange.per_loop.get())
        patient = asyncio.create_task(exchange.per_loop.get())
        await asyncio.sleep(0)
        impatient.cancel()
        assert (await patient).open

    asyncio.run(call())


def test_closing_by_hand_closes_this_loops_connection_and_a_second_time_nothing():
    exchange = Exchange()

    async def call() -> None:
        line = await exchange.per_loop.get()
        await exchange.per_loop.aclose()
        await exchange.per_loop.aclose()
        assert not line.open
        assert (await exchange.per_loop.get()) is not line

    asyncio.run(call())


def test_what_is_kept_for_a_loop_goes_with_it():
    exchange = Exchange()

    async def call() -> weakref.ref[asyncio.AbstractEventLoop]:
        await exchange.per_loop.get()
        return weakref.ref(asyncio.get_running_loop())

    loop = asyncio.run(call())
    gc.collect()
    assert loop() is None


def test_what_the_last_caller_does_not_wait_for_any_more_is_opened_anew():
    exchange = Exchange()
    engaged = [True]
    dial = exchange.dial

    async def dial_or_hang() -> Line:
        if engaged.pop(0):
            await asyncio.Event().wait()
        return await dial()

    exchange.per_loop = PerLoop(dial_or_hang, Line.hang_up)

    async def call() -> None:
        first, second = [asyncio.ensure_future(exchange.per_loop.get()) for _ in range(2)]
        await asyncio.sleep(0)
        for caller in (first, second):
            caller.cancel()
            await asyncio.wait({caller})
        engaged.append(False)
        assert await exchange.per_loop.get() is exchange.lines[0]

    asyncio.run(call())
