"""How often a run may run something, and chains that never end."""

from datetime import timedelta

import pytest

from pytest_taskq.core.errors import NotFinished
from pytest_taskq.core.job import State
from pytest_taskq.core.retry import fixed
from pytest_taskq.engine.worker import Worker
from support.bench import Bench

pytestmark = pytest.mark.asyncio


@pytest.fixture
def bench():
    return Bench()


async def test_a_run_may_be_cut_by_key_or_by_task_name():
    bench = Bench("auto")

    async def again(key):
        bench.seen.append(key)
        await bench.add("again", key, after=1, key=key)

    bench.task(again)
    await bench.add("again", "one", key="one")
    await bench.worker.run_until_finished(at_most={"one": 3})
    assert bench.seen == ["one"] * 3
    assert await bench.queue.leases.claim("anybody", 10) == []
    await bench.add("again", "two", key="two")
    await bench.worker.run_until_finished(at_most={"again": 2})
    assert bench.seen[3:] == ["two"] * 2


@pytest.mark.parametrize(
    ("mode", "run"),
    [
        ("auto", Worker.run_until_finished),
        ("held", Worker.run_until_finished),
        # A live one tells it while no time passes.
        ("held", Worker.run_forever),
    ],
)
async def test_a_chain_without_end_is_reported(mode, run):
    bench = Bench(mode)

    async def again():
        await bench.add("again")

    bench.task(again)
    await bench.add("again")
    with pytest.raises(NotFinished, match="again has run 1000 times in one chain"):
        await run(bench.worker)
    assert {job.state for job in await bench.queue.find()} <= {State.SUCCEEDED, State.QUEUED}


async def test_a_chain_that_goes_on_in_time_may_be_as_long_as_its_worker_lives():
    bench = Bench("auto")

    async def again():
        bench.seen.append(1)
        if len(bench.seen) == 3_000:
            bench.worker.stop()
        await bench.add("again", after=len(bench.seen) % 2)

    bench.task(again)
    await bench.add("again")
    await bench.worker.run_forever()
    assert len(bench.seen) == 3_000


async def test_a_retry_without_end_is_reported(bench):
    async def fails():
        raise OSError

    bench.task(fails, retry=fixed(attempts=None, delay=timedelta()))
    await bench.add("fails")
    with pytest.raises(NotFinished, match=r"tried 1000 times\. Give its retries an end"):
        await bench.worker.run_until_finished()


async def test_many_jobs_are_no_chain(bench):
    bench.note()
    for number in range(1_500):
        await bench.add("note", number)
    await bench.worker.run_until_finished()
    assert len(bench.seen) == 1_500
