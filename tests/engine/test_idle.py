"""An idle worker does not poll: a month costs as many steps as it has events."""

import asyncio
from contextlib import asynccontextmanager, contextmanager

import pytest

from pytest_taskq.core.instants import to_instant
from support.bench import SECOND, Bench

pytestmark = pytest.mark.asyncio

DAY = 86_400
SLACK = 5 * SECOND
"""By how much an auto clock may have gone on while a store that is not memory was asked."""


class Turns:
    """The turns of the running loop: how many, and the instants they began at."""

    def __init__(self):
        self.count = 0
        self.instants = set()


@contextmanager
def turns_of_loop(clock):
    loop, turns = asyncio.get_running_loop(), Turns()
    run_once = loop._run_once

    def counted():
        turns.count += 1
        turns.instants.add(clock.now())
        run_once()

    loop._run_once = counted
    try:
        yield turns
    finally:
        del loop._run_once


@asynccontextmanager
async def running(bench):
    """The worker of a bench, up to where it waits, with the timers of the loop on its clock."""
    with bench.clock.in_loop():
        run = asyncio.create_task(bench.worker.run_forever())
        await bench.clock.settle()
        try:
            yield
        finally:
            bench.worker.stop()
            await run


def note_instants(bench):
    async def note():
        bench.seen.append(bench.clock.now())

    bench.task(note)


@pytest.mark.parametrize("mode", ["auto", "held"])
async def test_a_month_without_jobs_is_one_step(mode):
    bench = Bench(mode)
    async with running(bench):
        assert bench.clock.next_timer() is None
        with turns_of_loop(bench.clock) as turns:
            await bench.clock.elapse("30d")
        assert turns.count < 10


@pytest.mark.parametrize("mode", ["auto", "held"])
async def test_an_idle_worker_has_one_timer_that_is_the_next_due_instant(mode):
    bench = Bench(mode)
    note_instants(bench)
    async with running(bench):
        jobs = [await bench.add("note", after=days * DAY) for days in (3, 1, 2)]
        await bench.clock.settle()
        loop = asyncio.get_running_loop()
        assert len([timer for timer in loop._scheduled if not timer.cancelled()]) == 1
        assert abs(to_instant(bench.clock.next_timer()) - jobs[1].due_at) < 1000


@pytest.mark.parametrize("mode", ["auto", "held"])
async def test_a_month_of_daily_jobs_stops_at_their_instants_and_nowhere_else(mode):
    bench = Bench(mode)
    note_instants(bench)
    jobs = [await bench.add("note", after=day * DAY) for day in range(1, 31)]
    async with running(bench):
        with turns_of_loop(bench.clock) as turns:
            await bench.clock.elapse("30d1s")
    assert bench.seen == [job.due_at for job in jobs]
    assert {job.due_at for job in jobs} < turns.instants
    assert turns.count < 5 * 30


@pytest.mark.parametrize("mode", ["auto", "held"])
@pytest.mark.parametrize("backend", ["sqlite", "fakeredis", "redis", "postgres"])
async def test_a_month_of_daily_jobs_costs_a_few_turns_each_on_any_store(backends, backend, mode):
    async with backends.fresh(backend) as store:
        bench = Bench(mode, store=store)
        note_instants(bench)
        jobs = [await bench.add("note", after=day * DAY) for day in range(1, 31)]
        async with running(bench):
            with turns_of_loop(bench.clock) as turns:
                await bench.clock.elapse("30d1m")
    late = [instant - job.due_at for instant, job in zip(bench.seen, jobs, strict=True)]
    assert all(0 <= by <= (SLACK if mode == "auto" else 0) for by in late)
    assert turns.count < 50 * 30
