"""Deferring and running from sync code, and from the threads of sync tasks."""

import asyncio
import threading

import pytest

from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.procrastinate import App, InMemoryConnector
from pytest_taskq.stores.memory import MemoryStore


@pytest.mark.parametrize("opened", [True, False])
def test_defer_and_run_by_turns(opened):
    app = App(connector=InMemoryConnector())
    task = app.task(name="t")(lambda n: None)
    app.open()
    for n in range(3):
        task.defer(n=n)
        if not opened:
            app.close()
        app.run_worker(wait=False)
        assert app.connector.is_open is opened
        app.open()
    assert [row.status for row in app.connector.jobs.values()] == ["succeeded"] * 3


def test_a_sync_task_runs_in_a_thread(in_memory_app):
    threads = []
    in_memory_app.task(name="t")(lambda: threads.append(threading.current_thread()))
    in_memory_app.defer("t")
    in_memory_app.run_worker(wait=False)
    assert threads != [threading.current_thread()]


def test_what_a_sync_task_returns_is_awaited_if_it_can_be(in_memory_app):
    done = []

    async def later(n):
        done.append(n)

    in_memory_app.task(name="t")(lambda: later(1))
    in_memory_app.defer("t")
    in_memory_app.run_worker(wait=False)
    assert done == [1]


@pytest.mark.asyncio
async def test_many_sync_tasks_defer_from_their_threads_at_once(in_memory_app):
    loops = set()

    @in_memory_app.task(queue="leaves")
    async def leaf(n):
        loops.add(asyncio.get_running_loop())

    @in_memory_app.task(queue="branches")
    def branch(n):
        leaf.defer(n=n)
        leaf.configure(schedule_in={"hours": 1}).batch_defer({"n": n}, {"n": n})

    await branch.batch_defer_async(*({"n": n} for n in range(40)))
    await in_memory_app.run_worker_async(wait=False, concurrency=10, raise_errors=True)
    rows = list(in_memory_app.connector.jobs.values())
    assert [row.status for row in rows].count("succeeded") == 80
    assert [row.status for row in rows].count("todo") == 80
    assert loops == {asyncio.get_running_loop()}


@pytest.mark.asyncio
async def test_what_a_sync_task_defers_reaches_the_store_on_the_loop_of_the_worker():
    threads = set()

    class Noting(MemoryStore):
        async def put(self, changes):
            threads.add(threading.current_thread())
            return await super().put(changes)

    app = App(connector=InMemoryConnector.on_queue(Queue(Noting(), Clock("real"))))
    leaf = app.task(name="leaf")(lambda: None)
    app.task(name="branch")(leaf.defer)
    await app.defer_async("branch")
    await app.run_worker_async(wait=False)
    assert [row.task_name for row in app.connector.jobs.values()] == ["branch", "leaf"]
    assert threads == {threading.current_thread()}


@pytest.mark.asyncio
async def test_what_a_sync_task_may_not_defer_it_is_told(in_memory_app):
    @in_memory_app.task(name="t")
    def t(value=None):
        with pytest.raises(TypeError):
            t.defer(value=object())

    await t.defer_async()
    await in_memory_app.run_worker_async(wait=False, raise_errors=True)


@pytest.mark.asyncio
async def test_a_thread_of_the_test_wakes_the_worker_that_waits(in_memory_app):
    asyncio.get_running_loop().set_debug(True)  # refuses calls that are not safe between threads
    done = asyncio.Event()

    @in_memory_app.task(name="t")
    async def t():
        done.set()

    worker = asyncio.create_task(in_memory_app.run_worker_async())
    await asyncio.sleep(0)
    assert await asyncio.to_thread(t.defer) == 1
    await asyncio.wait_for(done.wait(), 5)
    worker.cancel()
    await asyncio.wait({worker})
