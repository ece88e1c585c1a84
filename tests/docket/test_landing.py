"""How calls come onto a docket, and what becomes of them where a store fails."""

from unittest import mock

import pytest

from pytest_taskq.core.errors import StoreUnavailable
from pytest_taskq.docket import Disposition, Docket, Worker

pytestmark = pytest.mark.asyncio


async def test_a_store_that_fails_fails_one_chunk_of_a_batch(docket, note):
    enqueue, calls = docket.queue.enqueue_each, []

    async def fail_once(jobs):
        calls.append(len(jobs))
        if len(calls) == 1:
            raise StoreUnavailable("the disk is full")
        return await enqueue(jobs)

    batch = [docket.call(note, key=str(n))(n) for n in range(4)]
    with mock.patch.object(docket.queue, "enqueue_each", fail_once):
        placed = await docket.add_many(batch, chunk_size=2)
    assert [one.disposition for one in placed] == [
        *[Disposition.FAILED] * 2,
        *[Disposition.SCHEDULED] * 2,
    ]
    assert str(placed[0].schedule_exception) == "the disk is full"
    assert [one.key for one in (await docket.snapshot()).future] == ["2", "3"]


async def test_a_replaced_task_is_no_news_to_who_waits_for_the_result(docket, worker):
    async def double(n):
        return n * 2

    when = docket.queue.clock.time()
    execution = await docket.add(double, when=when.replace(year=when.year + 1), key="k")(1)
    await docket.replace(double, when, "k")(21)
    await worker.run_until_finished()
    assert await execution.get_result() == 42


async def test_a_worker_may_be_run_from_paths(note, seen):
    async with Docket("paths", "memory://paths") as docket:
        await docket.add("trace")("hello")
        await Worker.run(
            "paths",
            "memory://paths",
            tasks=["pytest_taskq.docket.tasks:standard_tasks"],
            until_finished=True,
        )
        assert (await docket.snapshot()).total_tasks == 0
