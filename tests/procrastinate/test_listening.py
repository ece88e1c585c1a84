"""Notifications of new jobs and of requests to abort."""

import asyncio

import pytest
import pytest_asyncio

from pytest_taskq import wait_until
from pytest_taskq.procrastinate.exceptions import JobAborted

pytestmark = [pytest.mark.asyncio, pytest.mark.taskq_strict(False)]


@pytest_asyncio.fixture
async def told(app):
    """Listens to the queues that it is called with."""
    listeners = []

    async def listen(queues=None):
        told = []

        async def note(*, channel, notification):
            told.append((channel, notification["type"], notification["job_id"]))

        listening = app.job_manager.listen_for_jobs(on_notification=note, queues=queues)
        listeners.append(asyncio.create_task(listening))
        await asyncio.sleep(0)
        return told

    yield listen
    for listener in listeners:
        listener.cancel()
    await asyncio.wait(listeners)
    assert app.connector.queue.history.listeners == []


async def test_new_jobs_are_told_of(app, ran, told):
    note = app.configure_task("note", queue="a")
    await note.defer_async(n=1)
    everything, some = await told(), await told(["b", "c"])
    await note.batch_defer_async({"n": 2}, {"n": 3})
    await app.configure_task("note", queue="b", schedule_in={"days": 1}).defer_async(n=4)
    await wait_until(lambda: len(everything) == 3 and some)
    anywhere = "procrastinate_any_queue_v1"
    assert everything == [(anywhere, "job_inserted", n) for n in (2, 3, 4)]
    assert some == [("procrastinate_queue_v1#b", "job_inserted", 4)]


async def test_a_thread_that_defers_is_heard(app, ran, told):
    everything = await told()
    await asyncio.to_thread(app.defer, "note", (1,))
    await wait_until(lambda: everything)
    assert [each[1:] for each in everything] == [("job_inserted", 1)]


async def test_requests_to_abort_are_told_of_and_nothing_else(app, told):
    begun = asyncio.Event()

    @app.task(name="wait")
    async def wait():
        begun.set()
        await asyncio.Event().wait()

    await wait.defer_async()
    cancelled = await wait.configure(schedule_in={"days": 1}).defer_async()
    everything = await told()
    await app.job_manager.cancel_job_by_id_async(cancelled, abort=True)
    running = asyncio.create_task(app.run_worker_async(wait=False))
    await begun.wait()
    await app.job_manager.cancel_job_by_id_async(1, abort=True)
    await running
    assert [each[1:] for each in everything] == [("abort_job_requested", 1)]


async def test_a_job_that_aborts_itself_was_not_asked_to(app, told):
    @app.task(name="give up")
    async def give_up():
        raise JobAborted

    everything = await told()
    await give_up.defer_async()
    await app.run_worker_async(wait=False)
    await give_up.defer_async()
    await wait_until(lambda: len(everything) > 1)
    assert [each[1:] for each in everything] == [("job_inserted", 1), ("job_inserted", 2)]
