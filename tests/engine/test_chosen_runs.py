"""A run that takes some jobs only, ends on request, or lets time pass to an instant."""

import asyncio
from datetime import timedelta
from itertools import count

import pytest

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.instants import to_datetime, to_micros
from pytest_taskq.core.job import State
from pytest_taskq.engine.worker import Worker
from support.bench import Bench

pytestmark = pytest.mark.asyncio

HOUR = to_micros(timedelta(hours=1))


@pytest.fixture
def bench():
    return Bench()


def worker_of(bench, **options):
    return Worker(bench.queue, bench.tasks, **options)


async def test_it_takes_the_chosen_jobs_only_however_many_stand_before_them(bench):
    ran = []

    async def note(number):
        ran.append(number)

    bench.task(note)
    jobs = [await bench.add("note", number) for number in range(50)]
    chosen = {jobs[31].id, jobs[44].id}
    report = await worker_of(bench, only=lambda job: job.id in chosen).run_until_idle()
    assert (ran, report.attempts) == ([31, 44], 2)


async def test_the_jobs_that_it_leaves_are_looked_at_in_few_calls(bench, monkeypatch):
    async def note(number): ...

    bench.task(note)
    jobs = [await bench.add("note", number) for number in range(600)]
    store, calls = bench.queue.store, count()
    find = store.find
    monkeypatch.setattr(store, "find", lambda query: (next(calls), find(query))[1])
    chosen = {job.id for job in jobs[-5:]}
    worker = worker_of(bench, concurrency=1, only=lambda job: job.id in chosen)
    report = await worker.run_until_idle()
    assert report.attempts == 5
    assert next(calls) < 60  # one by one it would be 3,000


async def test_it_ends_when_it_is_told_to_and_leaves_the_rest(bench):
    ran = []

    async def note(number):
        ran.append(number)

    bench.task(note)
    for number in range(5):
        await bench.add("note", number)
    worker = worker_of(bench, concurrency=1, ends=lambda: len(ran) == 2)
    await worker.run_until_idle()
    assert ran == [0, 1]


async def test_each_job_runs_at_its_own_instant_those_born_on_the_way_included(bench):
    clock, start, ran = bench.queue.clock, bench.queue.clock.now(), []

    async def again(hours):
        ran.append((clock.now() - start) // HOUR)
        if hours < 5:
            await bench.add("again", hours + 1, after=3600)

    bench.task(again)
    await bench.add("again", 1, after=3600)
    report = await bench.worker.run_until_idle(until=start + 4 * HOUR)
    assert (ran, report.attempts) == ([1, 2, 3, 4], 4)
    assert clock.now() == start + 4 * HOUR


async def test_a_job_that_sleeps_on_the_way_lets_the_others_run_at_their_instants(bench):
    clock, start, ran = bench.queue.clock, bench.queue.clock.now(), []

    async def sleeps():
        await asyncio.sleep(2 * 3600)
        ran.append(("sleeps", (clock.now() - start) // HOUR))

    async def note():
        ran.append(("note", (clock.now() - start) // HOUR))

    bench.task(sleeps)
    bench.task(note)
    await bench.add("sleeps")
    await bench.add("note", after=3600)
    await bench.worker.run_until_idle(until=start + 3 * HOUR)
    assert ran == [("note", 1), ("sleeps", 2)]


async def test_what_is_in_hand_at_the_end_goes_back_to_the_queue(bench):
    async def sleeps():
        await asyncio.sleep(7200)

    bench.task(sleeps)
    job = await bench.add("sleeps")
    await bench.worker.run_until_idle(until=bench.queue.clock.now() + HOUR)
    left = await bench.queue.get(job.id)
    assert (left.state, left.attempt) == (State.QUEUED, 0)


async def test_a_run_that_ends_before_leaves_the_clock_there(bench):
    start = bench.queue.clock.now()

    async def note():
        pass

    bench.task(note)
    for hours in (1, 2, 3):
        await bench.add("note", after=hours * 3600)
    report = await bench.worker.run_until_idle(until=start + 9 * HOUR, attempts=2)
    assert report.attempts == 2
    assert bench.queue.clock.time() == to_datetime(start + 2 * HOUR)


async def test_time_that_passes_needs_a_clock_that_can():
    bench = Bench(mode="real")
    with pytest.raises(BadOption, match="A real clock cannot be moved"):
        await bench.worker.run_until_idle(until=bench.queue.clock.now() + HOUR)
