"""Procrastinate: what can be measured, and what can be asserted about it on any machine.

Figures go into the report of the test run. Asserted are counts, order and ratios within one run:
a test that asserts seconds fails on the day that the machine is busy.
"""

import asyncio
import time
import tracemalloc
from statistics import mean, quantiles
from types import SimpleNamespace

import pytest

pytestmark = [pytest.mark.asyncio, pytest.mark.taskq_time(mode="real")]


@pytest.fixture
def performance_threshold():
    """How far from ideal a run may be: ratios, with room for a busy machine."""
    return {"growth": 5, "slowest_run": 20, "bytes_per_job": 20_000}


@pytest.fixture
def lab(in_memory_app):
    """A lab that counts its films and remembers when each began."""
    lab = SimpleNamespace(app=in_memory_app, began={}, in_hand=0, most_in_hand=0)

    @in_memory_app.task(queue="films")
    async def develop(film):
        lab.began[film] = time.perf_counter()
        lab.in_hand += 1
        lab.most_in_hand = max(lab.most_in_hand, lab.in_hand)
        await asyncio.sleep(0)
        lab.in_hand -= 1

    lab.develop = develop
    return lab


def films(count, first=0):
    return [{"film": number} for number in range(first, first + count)]


async def timed(awaitable):
    start = time.perf_counter()
    await awaitable
    return time.perf_counter() - start


async def seconds_for(lab, count, **options):
    """The time to develop so many films, and nothing of it lost."""
    first = len(lab.began)
    await lab.develop.batch_defer_async(*films(count, first))
    seconds = await timed(lab.app.run_worker_async(wait=False, **options))
    assert len(lab.began) == first + count
    return seconds


class TestBasics:
    async def test_one_film(self, lab, record_property):
        record_property("seconds", await seconds_for(lab, 1))

    async def test_one_after_the_other(self, lab, record_property):
        seconds = await seconds_for(lab, 100, concurrency=1)

        record_property("films_per_second", 100 / seconds)
        assert lab.most_in_hand == 1
        assert list(lab.began) == list(range(100))

    async def test_the_rate_of_deferring(self, lab, record_property):
        start = time.perf_counter()
        for order in films(200):
            await lab.develop.defer_async(**order)
        elapsed = time.perf_counter() - start

        record_property("deferred_per_second", 200 / elapsed)
        assert len(lab.app.connector.jobs) == 200


class TestConcurrency:
    async def test_ten_machines_at_once(self, lab, record_property):
        seconds = await seconds_for(lab, 100, concurrency=10)

        record_property("films_per_second", 100 / seconds)
        assert lab.most_in_hand == 10

    async def test_many_counters_take_orders_at_once(self, lab):
        orders = [lab.develop.defer_async(**order) for order in films(100)]
        ids = await asyncio.gather(*orders)

        assert sorted(ids) == list(range(1, 101))


class TestBatches:
    @pytest.mark.parametrize("size", [10, 500])
    async def test_a_batch(self, lab, size, record_property):
        seconds = await timed(lab.develop.batch_defer_async(*films(size)))
        record_property("deferred_per_second", size / seconds)

        await lab.app.run_worker_async(wait=False, concurrency=10)
        assert sorted(lab.began) == list(range(size))


class TestLoad:
    async def test_orders_keep_coming_while_a_worker_runs(self, lab):
        worker = asyncio.create_task(lab.app.run_worker_async(concurrency=5))
        for order in films(100):
            await lab.develop.defer_async(**order)
            await asyncio.sleep(0)
        worker.cancel()
        await asyncio.wait({worker})
        await lab.app.run_worker_async(wait=False)

        assert sorted(lab.began) == list(range(100))

    async def test_a_burst(self, lab, record_property):
        seconds = await seconds_for(lab, 1000, concurrency=20)
        record_property("films_per_second", 1000 / seconds)

    async def test_priorities_hold_under_load(self, lab):
        for number in range(150):
            await lab.develop.configure(priority=number % 3).defer_async(film=number)
        await lab.app.run_worker_async(wait=False)

        assert [film % 3 for film in lab.began] == [2] * 50 + [1] * 50 + [0] * 50


class TestLatency:
    async def test_the_spread_of_waiting_times(self, lab, record_property):
        deferred = {}
        for order in films(100):
            deferred[order["film"]] = time.perf_counter()
            await lab.develop.defer_async(**order)
        await lab.app.run_worker_async(wait=False)

        waits = sorted(lab.began[film] - deferred[film] for film in deferred)
        percentiles = quantiles(waits, n=100)
        for name in (50, 95, 99):
            record_property(f"p{name}", percentiles[name - 1])
        assert 0 < waits[0] <= percentiles[49] <= waits[-1]

    async def test_the_queue_tells_how_long_each_job_waited(self, lab, record_property):
        await seconds_for(lab, 50)

        waits = []
        for events in lab.app.connector.events.values():
            at = {event["type"]: event["at"] for event in events}
            assert at["deferred"] <= at["started"] <= at["succeeded"]
            waits.append((at["started"] - at["deferred"]).total_seconds())
        record_property("mean_wait", mean(waits))


class TestEfficiency:
    async def test_every_machine_is_used(self, lab):
        await seconds_for(lab, 40, concurrency=4)

        assert lab.most_in_hand == 4

    async def test_a_worker_with_nothing_to_do_does_nothing(self, lab, record_property):
        record_property("seconds", await timed(lab.app.run_worker_async(wait=False)))

        assert len(lab.app.connector.jobs) == 0
        assert not lab.app.connector.events

    async def test_a_worker_that_waits_does_not_poll(self, lab):
        turns = 0

        def count_turn(*_):
            nonlocal turns
            turns += 1

        worker = asyncio.create_task(lab.app.run_worker_async(fetch_job_polling_interval=0))
        for _ in range(5):
            await asyncio.sleep(0)
        with lab.app.connector.queue.told(count_turn):
            for _ in range(100):
                await asyncio.sleep(0)
        worker.cancel()
        await asyncio.wait({worker})

        assert turns == 0


class TestScale:
    async def test_ten_times_the_films_take_some_ten_times_as_long(
        self, lab, performance_threshold, record_property
    ):
        small = min([await seconds_for(lab, 100, concurrency=10) for _ in range(5)])
        large = min([await seconds_for(lab, 1000, concurrency=10) for _ in range(2)])

        growth = large / small / 10
        record_property("growth", growth)
        assert growth < performance_threshold["growth"]  # quadratic would be 10

    async def test_memory_grows_with_the_jobs_and_no_faster(
        self, lab, performance_threshold, record_property
    ):
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            await lab.develop.batch_defer_async(*films(500))
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        per_job = (after - before) / 500
        record_property("bytes_per_job", per_job)
        assert per_job < performance_threshold["bytes_per_job"]


class TestRegression:
    async def test_runs_are_alike(self, lab, performance_threshold, record_property):
        runs = [await seconds_for(lab, 200, concurrency=10) for _ in range(7)]
        typical = sorted(runs)[3]

        record_property("films_per_second", 200 / typical)
        assert typical / min(runs) < performance_threshold["slowest_run"]
