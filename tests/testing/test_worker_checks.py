"""The fixture hands the helpers out, and tells a worker of the user's from those of a queue."""

import asyncio

import pytest

from pytest_taskq.testing import workers
from pytest_taskq.testing.worker_checks import WorkerChecks
from pytest_taskq.testing.workers import ConcurrencyProbe, RunningWorker

pytestmark = pytest.mark.asyncio

KNOWN_AS = {"concurrency": ConcurrencyProbe, "shutdown": RunningWorker.shutdown}


async def test_a_worker_that_is_given_is_run(taskq):
    queue = taskq.watched(asyncio.Queue())

    async def consume():
        while True:
            await queue.get()
            queue.task_done()

    async with taskq.running(consume()) as w:
        queue.put_nowait(1)
        await taskq.drained(queue)
        taskq.assert_consumed(queue, 1)
    await taskq.assert_stopped(w, w.task)


async def test_without_one_the_workers_of_the_queues_are(taskq, docket):
    done = asyncio.Event()

    async def bake():
        done.set()

    async with taskq.running():
        await docket.add(bake)()
        await done.wait()


@pytest.mark.parametrize("name", [name for name in dir(WorkerChecks) if not name.startswith("_")])
async def test_each_method_is_the_function_of_that_name(name):
    if name not in {"running", "live_workers"}:
        assert getattr(WorkerChecks, name) is KNOWN_AS.get(name, getattr(workers, name, None))
