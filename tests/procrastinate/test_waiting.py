"""Sync code over a store that has to wait: it blocks until the answer is there."""

import asyncio
import threading

import pytest

from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.procrastinate import App, InMemoryConnector
from support.waiting import WaitingStore


@pytest.fixture
def app():
    """An app over such a store, with a task ``leaf``, and ``branch``, which defers one."""
    app = App(connector=InMemoryConnector.on_queue(Queue(WaitingStore(), Clock("real"))))
    leaf = app.task(name="leaf")(lambda: None)
    app.task(name="branch")(lambda: leaf.batch_defer({}, {}))
    return app


def rows(app):
    return [(row.task_name, row.status) for row in app.connector.jobs.values()]


def test_defer_and_run_by_turns(app):
    for expected in (1, 4):
        assert app.defer("branch") == expected
        app.run_worker(wait=False)
    assert rows(app) == [("branch", "succeeded"), ("leaf", "succeeded"), ("leaf", "succeeded")] * 2


def test_the_jobs_are_forgotten_and_numbered_anew(app):
    app.defer("leaf")
    app.connector.reset()
    assert app.defer("leaf") == 1


@pytest.mark.asyncio
async def test_a_sync_task_defers_on_the_loop_of_its_worker(app, monkeypatch):
    threads = set()
    put = WaitingStore.put

    async def noting(store, changes):
        threads.add(threading.current_thread())
        return await put(store, changes)

    monkeypatch.setattr(WaitingStore, "put", noting)
    await app.defer_async("branch")
    await app.run_worker_async(wait=False)
    assert len(rows(app)) == 3
    assert threads == {threading.current_thread()}


@pytest.mark.asyncio
async def test_the_jobs_can_be_read_while_a_loop_runs_here_and_from_a_thread(app):
    job = await app.defer_async("leaf")
    assert app.connector.jobs[job]["status"] == "todo"
    assert await asyncio.to_thread(rows, app) == [("leaf", "todo")]


@pytest.mark.asyncio
async def test_what_a_thread_of_the_test_defers_wakes_the_worker(app):
    done = asyncio.Event()

    @app.task(name="tells")
    async def tells():
        done.set()

    worker = asyncio.create_task(app.run_worker_async())
    for _ in range(20):
        await asyncio.sleep(0)
    assert await asyncio.to_thread(tells.defer) == 1
    await asyncio.wait_for(done.wait(), 5)
    worker.cancel()
    await asyncio.wait({worker})
