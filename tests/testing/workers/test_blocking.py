"""What blocks the loop is told with its line; what waits with the loop is not."""

import asyncio
import re
import threading
import time

import pytest

from pytest_taskq.testing.workers import BlockingWatch

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]

LIMIT = 0.1


async def told_of(test, limit=LIMIT):
    watch = BlockingWatch(limit)
    await watch.begin()
    try:
        await test()
    finally:
        watch.end()
    return watch.describe()


def line(function, lines):
    return f"test_blocking.py:{function.__code__.co_firstlineno + lines}"


async def test_a_blocking_call_is_named_with_its_line_and_length():
    async def handler():
        await asyncio.sleep(0)
        time.sleep(0.3)  # noqa: ASYNC251 - what it does wrong is the point
        await asyncio.sleep(0)

    told = await told_of(handler)
    ms = re.fullmatch(
        r"the loop was blocked for (\d+) ms by time\.sleep in handler\(\) "
        + re.escape(f"({line(handler, 2)})"),
        told,
    )
    assert ms is not None, told
    assert int(ms[1]) >= 300


async def test_the_first_and_the_last_step_of_a_test_count_too():
    async def at_once():
        time.sleep(0.3)  # noqa: ASYNC251 - the same

    assert f"by time.sleep in at_once() ({line(at_once, 1)})" in await told_of(at_once)


async def test_a_busy_loop_is_named_by_its_own_line():
    async def crunch():
        total, clock = 0, time.perf_counter
        end = clock() + 0.3
        while clock() < end:
            total += sum(range(1000))

    told = await told_of(crunch)
    assert re.search(r"in crunch\(\) \(test_blocking.py:\d+\)", told), told


async def test_a_call_in_a_library_is_named_by_the_user_s_line():
    never = threading.Event()

    async def waits_wrongly():
        never.wait(0.3)

    told = await told_of(waits_wrongly)
    assert f"by never.wait in waits_wrongly() ({line(waits_wrongly, 1)})" in told


async def test_a_callback_may_block_as_well():
    done = asyncio.Event()

    def call_back():
        time.sleep(0.3)
        done.set()

    async def waits():
        asyncio.get_running_loop().call_later(0.001, call_back)
        await done.wait()

    assert f"by time.sleep in call_back() ({line(call_back, 1)})" in await told_of(waits)


async def test_what_waits_with_the_loop_or_in_a_thread_blocks_nothing():
    async def waits():
        await asyncio.sleep(0.4)
        await asyncio.to_thread(time.sleep, 0.4)

    assert await told_of(waits, limit=0.35) == ""


async def test_nothing_of_the_watch_is_left():
    before = asyncio.Handle._run

    async def fails():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await told_of(fails)
    assert asyncio.Handle._run is before
