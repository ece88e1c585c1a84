"""A job whose task is cut short, by itself or by a shutdown, ends as in production."""

import asyncio
import time
from importlib import import_module

import pytest

from pytest_taskq import wait_until

pytestmark = [pytest.mark.asyncio, pytest.mark.slow, pytest.mark.taskq_strict(False)]

QUIET = {"install_signal_handlers": False}


async def told(app):
    return [(job.status, job.attempts) for job in await app.job_manager.list_jobs_async()]


def library_of(app, module):
    return import_module(f"{type(app).__module__.rpartition('.')[0]}.{module}")


async def shut_down(app, task, begun, *, wait, patience=0.05):
    """What is told of a job that runs when its worker is cancelled."""
    await task.defer_async()
    worker = asyncio.create_task(
        app.run_worker_async(wait=wait, shutdown_graceful_timeout=patience, **QUIET)
    )
    await wait_until(lambda: begun)
    worker.cancel()
    await asyncio.wait({worker})
    return await told(app)


@pytest.mark.parametrize("retry", [False, 1])
@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_a_task_that_raises_a_cancellation(agree, kind, retry):
    async def scenario(app):
        def fail():
            raise asyncio.CancelledError

        async def fail_async():
            raise asyncio.CancelledError

        task = app.task(name="t", retry=retry)(fail if kind == "sync" else fail_async)
        await task.defer_async()
        await asyncio.wait_for(app.run_worker_async(wait=False, **QUIET), 20)
        return await told(app)

    await agree(scenario)


@pytest.mark.parametrize("retry", [False, 1])
async def test_a_task_that_cancels_itself(agree, retry):
    async def scenario(app):
        @app.task(name="t", retry=retry)
        async def task():
            asyncio.current_task().cancel()
            await asyncio.sleep(0.01)

        await task.defer_async()
        await asyncio.wait_for(app.run_worker_async(wait=False, **QUIET), 20)
        return await told(app)

    await agree(scenario)


@pytest.mark.parametrize("wait", [True, False])
async def test_a_shutdown_waits_for_the_job_in_hand(agree, wait):
    async def scenario(app):
        begun = []

        @app.task(name="t")
        async def task():
            begun.append(True)
            await asyncio.sleep(0.2)

        return await shut_down(app, task, begun, wait=wait, patience=None)

    await agree(scenario)


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("retry", [False, 1])
@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_a_shutdown_while_a_task_runs(agree, kind, retry, wait):
    async def scenario(app):
        begun, reasons = [], []

        async def sleep(context):
            begun.append(True)
            try:
                await asyncio.Event().wait()
            finally:
                reasons.append(context.abort_reason().value)

        def look(context):
            begun.append(True)
            while not context.should_abort():
                time.sleep(0.01)
            reasons.append(context.abort_reason().value)
            raise library_of(app, "exceptions").JobAborted

        function = look if kind == "sync" else sleep
        task = app.task(name="t", retry=retry, pass_context=True)(function)
        return await shut_down(app, task, begun, wait=wait), reasons

    await agree(scenario)
