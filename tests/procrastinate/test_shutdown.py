"""How a worker ends that is told to: what it has in hand may end, for a while."""

import asyncio
import time

import pytest

from pytest_taskq import wait_until
from pytest_taskq.procrastinate import App
from pytest_taskq.procrastinate.exceptions import JobAborted
from pytest_taskq.procrastinate.job_context import AbortReason

pytestmark = [pytest.mark.asyncio, pytest.mark.taskq_strict(False)]


def statuses(app: App):
    return [row.status for row in app.connector.jobs.values()]


async def test_a_worker_that_waits_runs_what_comes_and_finishes_it_when_cancelled(app, ran):
    release = asyncio.Event()

    @app.task(name="slow")
    async def slow():
        await release.wait()

    run = asyncio.create_task(app.run_worker_async(install_signal_handlers=False))
    await app.configure_task("note").defer_async(n=1)
    await wait_until(lambda: ran == [1])
    await slow.defer_async()
    await wait_until(lambda: statuses(app)[1] == "doing")
    run.cancel()
    await asyncio.sleep(0)
    assert not run.done()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert statuses(app) == ["succeeded"] * 2


async def test_a_worker_that_does_not_wait_finishes_what_it_has_in_hand_when_cancelled(app):
    release = asyncio.Event()
    app.task(name="slow")(release.wait)
    for _ in range(2):
        await app.configure_task("slow").defer_async()
    run = asyncio.create_task(app.run_worker_async(wait=False))
    await wait_until(lambda: statuses(app) == ["doing", "todo"])
    run.cancel()
    await asyncio.sleep(0)
    assert not run.done()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert statuses(app) == ["succeeded", "todo"]


@pytest.mark.parametrize("wait", [True, False])
async def test_a_worker_that_is_cancelled_twice_waits_no_longer(app, wait):
    app.task(name="endless")(asyncio.Event().wait)
    await app.configure_task("endless").defer_async()
    run = asyncio.create_task(app.run_worker_async(wait=wait))
    await wait_until(lambda: statuses(app) == ["doing"])
    for _ in range(2):
        run.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await run
    assert statuses(app) == ["aborted"]


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize(("retry", "left"), [(False, "aborted"), (1, "todo")])
async def test_a_job_that_does_not_end_in_time_is_aborted_unless_it_has_a_retry(
    app, wait, retry, left
):
    @app.task(retry=retry)
    async def endless():
        await asyncio.Event().wait()

    await endless.defer_async()
    run = asyncio.create_task(app.run_worker_async(wait=wait, shutdown_graceful_timeout=0))
    await wait_until(lambda: statuses(app) == ["doing"])
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    row = app.connector.jobs[0]
    assert (row.status, row.attempts) == (left, 1)


async def test_a_sync_task_is_told_of_the_shutdown(app):
    reasons = []

    @app.task(pass_context=True)
    def look(context):
        while not context.should_abort():
            time.sleep(0.001)
        reasons.append(context.abort_reason())
        raise JobAborted

    await look.defer_async()
    run = asyncio.create_task(app.run_worker_async(shutdown_graceful_timeout=0))
    await wait_until(lambda: statuses(app) == ["doing"])
    run.cancel()
    await asyncio.wait({run})
    assert reasons == [AbortReason.SHUTDOWN]
    assert statuses(app) == ["aborted"]
