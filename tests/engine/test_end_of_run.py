"""How a run finds out that it is over: it asks once, and leaves nothing untold."""

import asyncio

import pytest

from pytest_taskq.core.job import State
from pytest_taskq.stores.memory import MemoryStore
from support.bench import Bench
from support.waiting import WaitingStore

pytestmark = pytest.mark.asyncio


class Asked(MemoryStore):
    """Remembers what it was asked for."""

    def __init__(self):
        super().__init__()
        self.calls = []

    async def find(self, query):
        self.calls.append(query.sort)
        return await super().find(query)

    async def unfinished(self):
        self.calls.append("unfinished")
        return await super().unfinished()


@pytest.mark.parametrize("kind", ["run_until_idle", "run_until_finished"])
async def test_a_run_that_has_done_the_last_job_asks_once_and_ends(kind):
    bench = Bench(store=Asked())
    bench.note()
    await bench.add("note", "the only one")
    await getattr(bench.worker, kind)()
    assert bench.queue.store.calls == ["claim", "unfinished"]


async def test_a_run_that_leaves_a_job_looks_what_it_waits_for():
    bench = Bench(store=Asked())
    bench.note()
    for after in (0, 10):
        await bench.add("note", after, after=after)
    await bench.worker.run_until_finished()
    assert bench.queue.store.calls == ["claim", "unfinished", "claim", "lease", "due"]


async def test_a_run_of_many_jobs_asks_no_more_often():
    bench = Bench(store=Asked())

    async def link(left):
        if left:
            await bench.add("link", left - 1)

    bench.task(link)
    await bench.add("link", 50)
    await bench.worker.run_until_finished()
    assert bench.queue.store.calls.count("unfinished") == 1


class Slow(WaitingStore):
    """Records the end of a job while that of another one comes, which it then no longer knows."""

    meanwhile = None

    async def put(self, changes):
        if self.meanwhile is not None and changes[0].after.state is State.SUCCEEDED:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        return await super().put(changes)


async def test_a_run_is_not_over_while_an_error_is_still_to_be_told():
    bench, told = Bench("real", store=Slow()), asyncio.Event()
    bench.task(lambda: None, name="first")

    async def second():
        await told.wait()
        raise ValueError("the error of the second")

    bench.task(second)
    await bench.add("first")
    job = await bench.add("second")

    async def forget_the_second():
        await bench.queue.forget(job.id)
        told.set()
        for _ in range(5):
            await asyncio.sleep(0)

    bench.queue.store.meanwhile = forget_the_second
    report = await bench.worker.run_until_finished()
    assert [str(error) for _, error in report.failures] == ["the error of the second"]
