"""Real servers under a clock that jumps: no time-out is false, and time jumps all the same."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import aiosqlite
import asyncpg
import pytest
from redis import asyncio as driver

pytestmark = pytest.mark.asyncio

MIDNIGHT = datetime(2031, 5, 4, tzinfo=UTC)
LATE = timedelta(seconds=3)
BUSY = "for i = 1, 2e7 do end return 1"


@pytest.fixture
def redis(backends):
    url = backends.place("redis")
    return lambda: driver.from_url(url)


@pytest.fixture
def connect(backends):
    url = backends.place("postgres")
    return lambda make="connect", **options: getattr(asyncpg, make)(url, **options)


async def test_no_command_of_300_times_out_on_redis(clock, redis):
    async with redis() as client:
        with clock.in_loop():
            for number in range(300):
                assert await asyncio.wait_for(client.set("key", number), 5)
            await asyncio.sleep(3600)
    assert timedelta(hours=1) <= clock.time() - MIDNIGHT < timedelta(hours=1) + LATE * 5


@pytest.mark.parametrize("before", [True, False])
async def test_a_late_answer_of_redis_is_waited_for(clock, redis, before):
    async with redis() as client:
        if before:
            await client.ping()  # connected before the loop follows the clock, as by a fixture
        with clock.in_loop():
            await asyncio.wait_for(client.eval(BUSY, 0), 5)
        assert clock.time() - MIDNIGHT < LATE


async def test_a_blocking_pop_takes_its_real_second(clock, redis):
    async with redis() as client:
        with clock.in_loop():
            before = time.perf_counter()
            assert await asyncio.wait_for(client.blpop("nothing", 1), 5) is None
            assert 0.9 < time.perf_counter() - before < 4


async def test_a_message_of_redis_is_heard_before_time_jumps(clock, redis):
    async with redis() as client, client.pubsub() as subscription:
        with clock.in_loop():
            await subscription.subscribe("news")
            await subscription.get_message(timeout=5)
            for _ in range(20):
                await client.publish("news", "1")
                assert await subscription.get_message(timeout=5)
            assert await subscription.get_message(timeout=3600) is None


async def test_a_slow_query_does_not_time_out(clock, connect):
    with clock.in_loop():
        connection = await connect()
        await asyncio.wait_for(connection.execute("select pg_sleep(0.4)"), 5)
        with pytest.raises(TimeoutError):
            await connection.execute("select pg_sleep(5)", timeout=0.1)
        await connection.close()
    assert clock.time() - MIDNIGHT < LATE


@pytest.mark.parametrize("before", [True, False])
async def test_a_pool_of_4_answers_8_slow_queries_in_time(clock, connect, before):
    pool = connect("create_pool", min_size=4, max_size=4)
    if before:
        await pool
    with clock.in_loop():
        async with pool:
            queries = (pool.execute("select pg_sleep(0.1)", timeout=5) for _ in range(8))
            await asyncio.gather(*queries)
            assert clock.time() - MIDNIGHT < LATE
            await asyncio.sleep(3600)


async def test_an_idle_listener_does_not_hold_time_and_hears_before_it_jumps(clock, connect):
    heard = asyncio.Event()
    with clock.in_loop():
        listener, other = await connect(), await connect()
        await listener.add_listener("news", lambda *_: heard.set())
        await asyncio.sleep(3600)
        for _ in range(30):
            await other.execute("notify news")
            await asyncio.wait_for(heard.wait(), 5)
            heard.clear()
        await listener.close()
        await other.close()
    assert clock.time() - MIDNIGHT < timedelta(hours=1) + 3 * LATE


async def test_sqlite_in_a_thread_of_its_own_is_waited_for(clock):
    with clock.in_loop():
        async with aiosqlite.connect(":memory:") as connection:
            await connection.create_function("pause", 1, lambda s: time.sleep(s) or 1)
            for _ in range(20):
                await asyncio.wait_for(connection.execute("select 1"), 5)
            async with asyncio.timeout(5):
                await (await connection.execute("select pause(0.1)")).fetchall()
            assert clock.time() - MIDNIGHT < LATE
            await asyncio.sleep(3600)
