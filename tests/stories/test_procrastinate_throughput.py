"""Procrastinate: what can be measured, and what can be asserted about it on any machine.

Figures go into the report of the test run. Asserted are counts, order, and how often the store is
asked: these are the same on a busy machine. Seconds are asserted where the guide expects some, for
it expects so little that nothing is as slow by accident.
"""

import asyncio
import time
import tracemalloc
from statistics import mean, median, quantiles
from types import SimpleNamespace

import pytest

from pytest_taskq import wait_until
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.procrastinate import App, InMemoryConnector
from pytest_taskq.stores.memory import MemoryStore

pytestmark = [pytest.mark.asyncio, pytest.mark.taskq_time(mode="real")]


@pytest.fixture
def performance_threshold():
    """What the guide expects of a queue in memory, and what a job may weigh."""
    return SimpleNamespace(
        deferred_per_second=50, films_per_second=10, seconds=0.1, bytes_per_job=20_000
    )


class CountingStore(MemoryStore):
    """Counts how often it is asked or told something, and the jobs that this was about."""

    def __init__(self):
        super().__init__()
        self.finds = self.puts = self.jobs = 0

    async def find(self, query):
        found = await super().find(query)
        self.finds += 1
        self.jobs += len(found)
        return found

    async def put(self, changes):
        self.puts += 1
        self.jobs += len(changes)
        return await super().put(changes)

    @property
    def work(self):
        return self.finds + self.puts + self.jobs


def lab_of(app):
    """A lab that counts its films and remembers when each began."""
    lab = SimpleNamespace(app=app, began={}, in_hand=0, most_in_hand=0)

    @app.task(queue="films")
    async def develop(film):
        lab.began[film] = time.perf_counter()
        lab.in_hand += 1
        lab.most_in_hand = max(lab.most_in_hand, lab.in_hand)
        await asyncio.sleep(0)
        lab.in_hand -= 1

    lab.develop = develop
    return lab


@pytest.fixture
def lab(in_memory_app):
    return lab_of(in_memory_app)


@pytest.fixture
def store():
    return CountingStore()


@pytest.fixture
def counted_lab(store):
    """A lab on a store that counts."""
    connector = InMemoryConnector.on_queue(Queue(store, Clock("real")))
    return lab_of(App(connector=connector))


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
    async def test_one_film(self, lab, performance_threshold, record_property):
        seconds = median([await seconds_for(lab, 1) for _ in range(9)])

        record_property("seconds", seconds)
        assert seconds < performance_threshold.seconds

    async def test_one_after_the_other(self, lab, performance_threshold, record_property):
        seconds = await seconds_for(lab, 100, concurrency=1)

        record_property("films_per_second", 100 / seconds)
        assert 100 / seconds > performance_threshold.films_per_second
        assert lab.most_in_hand == 1
        assert list(lab.began) == list(range(100))

    async def test_the_rate_of_deferring(self, lab, performance_threshold, record_property):
        start = time.perf_counter()
        for order in films(200):
            await lab.develop.defer_async(**order)
        elapsed = time.perf_counter() - start

        record_property("deferred_per_second", 200 / elapsed)
        assert len(lab.app.connector.jobs) == 200
        assert 200 / elapsed > performance_threshold.deferred_per_second


class TestConcurrency:
    async def test_ten_machines_at_once(self, lab, performance_threshold, record_property):
        seconds = await seconds_for(lab, 100, concurrency=10)

        record_property("films_per_second", 100 / seconds)
        assert 100 / seconds > performance_threshold.films_per_second
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

    async def test_a_batch_is_told_to_the_store_at_once(self, counted_lab, store):
        await counted_lab.develop.batch_defer_async(*films(500))

        assert (store.finds, store.puts, store.jobs) == (0, 1, 500)


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

    async def test_under_a_normal_load_nobody_waits_long(
        self, lab, performance_threshold, record_property
    ):
        waits = []
        for film in range(25):
            deferred = time.perf_counter()
            await seconds_for(lab, 1)
            waits.append(lab.began[film] - deferred)

        record_property("median_wait", median(waits))
        assert 0 < median(waits) < performance_threshold.seconds

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

    async def test_a_worker_that_waits_does_not_poll(self, counted_lab, store):
        lab = counted_lab
        worker = asyncio.create_task(lab.app.run_worker_async(fetch_job_polling_interval=0.001))
        await lab.develop.defer_async(film=1)
        await wait_until(lambda: lab.app.connector.finished_jobs)
        for _ in range(20):  # it looks once more, and finds nothing
            await asyncio.sleep(0)
        finds = store.finds
        await asyncio.sleep(0.02)  # twenty intervals
        assert store.finds == finds

        await lab.develop.defer_async(film=2)
        await wait_until(lambda: 2 in lab.began)  # it was only waiting, and is told at once
        worker.cancel()
        await asyncio.wait({worker})


class TestScale:
    async def test_ten_times_the_films_are_ten_times_the_work(
        self, counted_lab, store, record_property
    ):
        work = []
        for count in (100, 1000):
            before = store.work
            seconds = await seconds_for(counted_lab, count, concurrency=10)
            record_property(f"seconds_for_{count}", seconds)
            work.append(store.work - before)

        assert work[1] < 20 * work[0]  # it is ten times as much; quadratic would be a hundred

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
        assert len(lab.app.connector.jobs) == 500
        assert 0 < per_job < performance_threshold.bytes_per_job


class TestRegression:
    async def test_runs_are_alike_however_many_were_before(
        self, counted_lab, store, performance_threshold, record_property
    ):
        seconds, work = [], []
        for _ in range(7):
            before = store.work
            seconds.append(await seconds_for(counted_lab, 200, concurrency=10))
            work.append(store.work - before)

        rate = 200 / median(seconds)
        record_property("films_per_second", rate)
        assert rate > performance_threshold.films_per_second
        assert max(work) < 2 * min(work)  # they are equal; sevenfold if finished jobs were read
