"""Periodic jobs: each tick is enqueued once, at its instant, by whoever runs."""

import asyncio
from datetime import timedelta

import pytest

from pytest_taskq.core.errors import BadOption, NotFinished
from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import Hold, State
from pytest_taskq.core.schedule import cron, every
from pytest_taskq.core.store import Refusal
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.tasks import Task, Tasks
from pytest_taskq.engine.ticker import Ticker
from pytest_taskq.engine.worker import Worker
from pytest_taskq.stores.memory import MemoryStore
from support.bench import SECOND

pytestmark = pytest.mark.asyncio

MINUTE = 60 * SECOND
QUEUED = frozenset({State.QUEUED})


class Clockwork:
    """A queue whose tick jobs note their instant, and when they ran, since the beginning."""

    def __init__(self, mode="held", store=None, **rules):
        self.clock = Clock(mode)
        self.begin = self.clock.now()
        self.queue = Queue(store or MemoryStore(), self.clock)
        self.ticker = Ticker(self.queue, **rules)
        self.tasks = Tasks()
        self.ran = []
        self.tasks.add(Task.of(self.note, name="note"))

    async def note(self, name, at):
        self.ran.append((name, at, (self.clock.now() - self.begin) / SECOND))

    def add(self, name, seconds, *, holds=(), **options):
        def make(at):
            return self.queue.new_job("note", (name, (at - self.begin) / SECOND), holds=holds)

        schedule = every(timedelta(seconds=seconds), anchor=self.begin)
        self.ticker.add(name, schedule, make, **options)

    def worker(self, **options):
        return Worker(self.queue, self.tasks, ticker=self.ticker, **options)

    async def stored(self):
        return len(await self.queue.find())


@pytest.fixture
def work():
    return Clockwork()


async def test_nothing_is_due_before_the_first_tick(work):
    work.add("tick", 60)
    assert (await work.worker().run_until_idle()).attempts == 0
    assert work.ticker.next_at == work.begin + MINUTE


async def test_a_run_until_idle_enqueues_what_has_come_due(work):
    work.add("tick", 60)
    work.clock.advance(minutes=2)
    await work.worker().run_until_idle()
    assert work.ran == [("tick", 60, 120), ("tick", 120, 120)]
    assert (await work.worker().run_until_idle()).attempts == 0


async def test_each_tick_runs_at_its_instant_when_time_is_elapsed(work):
    work.add("quick", 20)
    work.add("slow", 30)
    run = asyncio.create_task(work.worker().run_forever())
    await work.clock.elapse(seconds=60)
    run.cancel()
    assert [(name, at) for name, at, _ in work.ran] == [
        ("quick", 20),
        ("slow", 30),
        ("quick", 40),
        ("quick", 60),
        ("slow", 60),
    ]
    assert all(at == ran for _, at, ran in work.ran)


async def test_a_run_to_an_instant_runs_the_ticks_on_the_way(work):
    work.add("tick", 60)
    await work.worker().run_until_idle(until=work.begin + 3 * MINUTE)
    assert [ran for _, _, ran in work.ran] == [60, 120, 180]


async def test_a_tick_comes_at_its_instant_while_the_worker_is_busy(work):
    work.add("tick", 10)

    async def sleeps():
        await asyncio.sleep(25)

    work.tasks.add(Task.of(sleeps, name="sleeps"))
    await work.queue.enqueue(work.queue.new_job("sleeps"))
    run = asyncio.create_task(work.worker(concurrency=1).run_forever())
    await work.clock.elapse(seconds=24)
    created = [job.created_at - work.begin for job in await work.queue.find()]
    assert created == [0, 10 * SECOND, 20 * SECOND]
    await work.clock.elapse(seconds=1)
    assert work.ran == [("tick", 10, 25), ("tick", 20, 25)]
    run.cancel()


async def test_time_does_not_jump_for_ticks_alone():
    work = Clockwork("auto")
    work.add("tick", 60)
    run = asyncio.create_task(work.worker().run_forever())
    assert (await asyncio.to_thread(work.clock.now)) < work.begin + MINUTE
    assert work.ran == []
    await asyncio.sleep(150)
    assert [(at, ran) for _, at, ran in work.ran] == [(60, 60), (120, 120)]
    run.cancel()


async def test_a_tick_is_enqueued_once_by_several_workers(work):
    work.add("tick", 60)
    runs = [asyncio.create_task(work.worker().run_forever()) for _ in range(3)]
    await work.clock.elapse(minutes=2)
    for run in runs:
        run.cancel()
    assert len(work.ran) == await work.stored() == 2


async def test_a_tick_is_enqueued_once_by_the_tickers_of_several_processes():
    store = MemoryStore()
    one, other = Clockwork(store=store), Clockwork(store=store)
    other.begin = one.begin
    for work in (one, other):
        work.add("tick", 60, after=one.begin)
        work.clock.move_to(to_datetime(one.begin + MINUTE))
        await work.worker().run_until_idle()
    assert await one.stored() == len(one.ran) + len(other.ran) == 1


async def test_of_missed_ticks_only_the_last_one_may_be_wanted():
    work = Clockwork(missed="last")
    work.add("tick", 60)
    work.clock.advance(minutes=5)
    await work.worker().run_until_idle()
    assert work.ran == [("tick", 300, 300)]
    assert work.ticker.next_of("tick") == work.begin + 6 * MINUTE


async def test_ticks_that_are_too_old_are_dropped():
    work = Clockwork(oldest=MINUTE)
    work.add("tick", 60)
    work.clock.advance(minutes=5)
    await work.worker().run_until_idle()
    assert [at for _, at, _ in work.ran] == [240, 300]


async def test_too_many_missed_ticks_are_a_mistake(work):
    work.add("tick", 1)
    work.clock.advance(hours=3)
    with pytest.raises(NotFinished, match="more than 10,000 ticks"):
        await work.worker().run_until_idle()


async def test_too_many_missed_ticks_of_one_schedule_cost_no_other_its_ticks(work):
    work.add("hourly", 3600)
    work.add("tick", 1)
    work.clock.advance(hours=3)
    for _ in range(2):
        with pytest.raises(NotFinished, match="'tick' has missed more than"):
            await work.ticker.tick()
    work.ticker.remove("tick")
    await work.worker().run_until_idle()
    assert [(name, at // 3600) for name, at, _ in work.ran] == [("hourly", n) for n in (1, 2, 3)]


@pytest.mark.parametrize("missed", ["each", "last"])
async def test_ticks_whose_job_cannot_be_made_stay_due_and_so_do_those_after_them(missed):
    work = Clockwork(missed=missed)

    def make(at):
        if broken:
            raise LookupError
        return work.queue.new_job("note", ("a", (at - work.begin) // SECOND))

    broken = True
    work.ticker.add("a", every(timedelta(seconds=60), anchor=work.begin), make)
    work.add("b", 60)
    work.clock.advance(minutes=2)
    for _ in range(2):
        with pytest.raises(LookupError):
            await work.ticker.tick()
    ticks = [60, 120] if missed == "each" else [120]
    assert work.ticker.next_at == work.ticker.next_of("a") == work.begin + ticks[0] * SECOND
    broken = False
    await work.worker().run_until_idle()
    assert [(name, at) for name, at, _ in work.ran] == [(n, at) for at in ticks for n in "ab"]
    assert work.ticker.next_at == work.begin + 3 * MINUTE


async def test_ticks_that_a_cancelled_worker_leaves_are_enqueued_by_another():
    class Slow(MemoryStore):
        async def put(self, changes):
            if slow:
                await asyncio.Event().wait()
            return await super().put(changes)

    slow = True
    work = Clockwork(store=Slow())
    work.add("tick", 60)
    first = asyncio.create_task(work.ticker.run_forever())
    await work.clock.elapse(minutes=1)
    other = asyncio.create_task(work.ticker.run_forever())
    await work.clock.settle()
    slow = False
    first.cancel()
    await work.clock.settle()
    assert await work.stored() == 1
    other.cancel()


async def test_a_schedule_is_replaced_and_removed_by_its_name(work):
    work.add("tick", 60)
    work.add("tick", 90)
    work.add("gone", 10)
    work.ticker.remove("gone")
    work.clock.advance(minutes=2)
    await work.worker().run_until_idle()
    assert [(name, at) for name, at, _ in work.ran] == [("tick", 90)]
    assert list(work.ticker) == ["tick"]
    assert "gone" not in work.ticker


async def test_a_schedule_may_begin_in_the_past_and_come_while_a_worker_waits(work):
    run = asyncio.create_task(work.worker().run_forever())
    await work.clock.settle()
    work.add("tick", 60, after=work.begin - 1)
    await work.clock.settle()
    assert [at for _, at, _ in work.ran] == [0]
    run.cancel()


async def test_a_tick_whose_name_is_taken_is_passed_over_and_told(work):
    told = []
    work.add("tick", 60, holds=(Hold("one", QUEUED),), told=lambda at, answer: told.append(answer))
    work.clock.advance(minutes=2)
    await work.ticker.tick()
    assert [isinstance(answer, Refusal) for answer in told] == [False, True]
    assert await work.stored() == 1


async def test_a_scheduler_without_a_worker_enqueues_at_the_instants(work):
    work.add("tick", 60)
    run = asyncio.create_task(work.ticker.run_forever())
    await work.clock.elapse(minutes=2)
    created = [(job.created_at - work.begin) // MINUTE for job in await work.queue.find()]
    assert created == [1, 2]
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run


async def test_a_schedule_that_never_fires_again_ends_and_a_bad_rule_is_refused(work):
    class Once:
        def next_after(self, instant):
            return cron("0 0 30 2 *").next_after(instant)

    work.ticker.add("never", Once(), lambda at: work.queue.new_job("note"))
    assert work.ticker.next_at is None
    with pytest.raises(BadOption, match="missed is 'some'"):
        Ticker(work.queue, missed="some")
