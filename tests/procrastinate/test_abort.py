"""Requests to abort: an async task is cancelled, a sync one has to look."""

import asyncio
import threading

import pytest

from pytest_taskq.procrastinate.exceptions import JobAborted
from pytest_taskq.procrastinate.job_context import AbortReason

pytestmark = [pytest.mark.asyncio, pytest.mark.taskq_strict(False)]


async def abort_while_it_runs(app, task, begun):
    """What becomes of a job that is to be aborted as soon as it has begun."""
    job_id = await task.defer_async()
    running = asyncio.create_task(app.run_worker_async(wait=False))
    await asyncio.to_thread(begun.wait)
    assert await app.job_manager.cancel_job_by_id_async(job_id, abort=True)
    await running
    return app.connector.jobs[job_id].status


async def test_an_async_task_is_cancelled(app):
    begun = threading.Event()

    @app.task(name="t")
    async def task():
        begun.set()
        await asyncio.Event().wait()

    assert await abort_while_it_runs(app, task, begun) == "aborted"
    told = [event["type"] for event in app.connector.events[1]]
    assert told == ["deferred", "started", "abort_requested", "aborted"]


async def test_one_that_would_be_tried_again_ends_failed(app):
    begun = threading.Event()

    @app.task(name="t", retry=True)
    async def task():
        begun.set()
        await asyncio.Event().wait()

    assert await abort_while_it_runs(app, task, begun) == "failed"


@pytest.mark.parametrize("error", [LookupError, SystemExit])
@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_what_it_raises_instead_is_an_error_of_its_own(app, kind, error):
    begun = threading.Event()

    def fail(context):
        begun.set()
        while not context.should_abort():
            threading.Event().wait(0.001)
        raise error(kind)

    async def fail_async(context):
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise error(kind)

    function = fail if kind == "sync" else fail_async
    task = app.task(name="t", pass_context=True, retry=3)(function)
    assert await abort_while_it_runs(app, task, begun) == "failed"
    ((_, raised),) = app.connector.queue.history.errors()
    assert (type(raised), raised.args) == (error, (kind,))


async def test_a_sync_task_looks_for_itself(app):
    begun, reasons = threading.Event(), []

    @app.task(name="t", pass_context=True, retry=True)
    def task(context):
        begun.set()
        while not context.should_abort():
            threading.Event().wait(0.001)
        reasons.append(context.abort_reason())
        raise JobAborted

    assert await abort_while_it_runs(app, task, begun) == "aborted"
    assert reasons == [AbortReason.USER_REQUEST]


async def test_a_sync_task_that_does_not_look_succeeds(app):
    begun, go_on = threading.Event(), threading.Event()

    @app.task(name="t")
    def task():
        begun.set()
        go_on.wait()

    job_id = await task.defer_async()
    running = asyncio.create_task(app.run_worker_async(wait=False))
    await asyncio.to_thread(begun.wait)
    await app.job_manager.cancel_job_by_id_async(job_id, abort=True)
    assert await app.job_manager.list_jobs_to_abort_async() == [job_id]
    go_on.set()
    await running
    assert app.connector.jobs[job_id].status == "succeeded"


async def test_a_task_may_abort_itself(app):
    @app.task(name="t", retry=True)
    async def task():
        raise JobAborted

    await task.defer_async()
    await app.run_worker_async(wait=False)
    assert app.connector.jobs[0].status == "aborted"
    told = [event["type"] for event in app.connector.events[1]]
    assert told == ["deferred", "started", "aborted"]
