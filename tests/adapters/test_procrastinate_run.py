"""What a test leaves running of a real worker ends with the test, and tells no other of it."""

import asyncio
import gc

import pytest

pytestmark = pytest.mark.taskq_strict(False)

CONFTEST = """
import asyncio
import procrastinate
import procrastinate.testing
import pytest

app = procrastinate.App(connector=procrastinate.testing.InMemoryConnector())


@app.task(name="hang")
async def hang():
    await asyncio.Event().wait()


@app.task(name="fine")
async def fine():
    pass


@pytest.fixture
def taskq_app():
    return app
"""
INI = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = session
asyncio_default_test_loop_scope = session
taskq_stuck_after = 1
filterwarnings = error
"""
TESTS = """
import gc

import pytest
from conftest import fine, hang
from pytest_taskq import job


async def drained(taskq):
    await taskq.drain()


async def lived(taskq):
    async with taskq.running():
        await taskq.settle()


async def run(taskq):
    await hang.app.run_worker_async(wait=False)


@pytest.mark.parametrize("how", [drained, lived, run])
async def test_hangs(taskq, how):
    await hang.defer_async()
    await how(taskq)


@pytest.mark.parametrize("again", range(2))
async def test_is_innocent(taskq, again):
    await fine.defer_async()
    gc.collect()
    assert await taskq.drain() == [job(fine)]
"""


@pytest.mark.slow
def test_a_job_that_hangs_is_nothing_to_the_next_test_on_its_loop(pytester):
    pytester.makeconftest(CONFTEST)
    pytester.makeini(INI)
    pytester.makepyfile(TESTS)
    done = pytester.runpytest_subprocess("-p", "no:django", "-p", "no:randomly", "-p", "no:xdist")
    done.assert_outcomes(failed=3, passed=2)
    done.stdout.fnmatch_lines(["deadlock: nothing can wake test_hangs*"])
    done.stdout.no_fnmatch_line("*destroyed but it is pending*")


@pytest.mark.asyncio
async def test_the_queue_ends_a_run_by_force_as_if_its_process_were_killed(app):
    begun, queue = asyncio.Event(), app.connector.queue

    @app.task(name="hang", retry=True)
    async def hang():
        begun.set()
        await asyncio.Event().wait()

    await hang.defer_async()
    working = asyncio.create_task(app.run_worker_async())
    await begun.wait()
    (run,) = queue.runs
    assert [each.task for each in run.jobs] == ["hang"]
    await queue.end_runs()
    await working
    assert not queue.runs
    assert [event.verb for event in queue.history] == ["enqueue", "claim"]


@pytest.mark.asyncio
async def test_a_run_that_is_told_to_end_lets_its_job_end_first(app, monkeypatch):
    monkeypatch.setattr("pytest_taskq.adapters._procrastinate_run.STOP_SECONDS", 0)
    begun, go_on = asyncio.Event(), asyncio.Event()

    @app.task(name="wait")
    async def wait():
        begun.set()
        await go_on.wait()

    await wait.defer_async()
    working = asyncio.create_task(app.run_worker_async())
    await begun.wait()
    (run,) = app.connector.queue.runs
    ending = asyncio.create_task(run.end(force=False))
    await asyncio.sleep(60)
    go_on.set()
    await asyncio.gather(ending, working)
    assert app.connector.jobs[1].status == "succeeded"


@pytest.mark.asyncio
async def test_a_job_that_does_not_stop_is_named_and_ends_in_no_queue(app, monkeypatch):
    monkeypatch.setattr("pytest_taskq.adapters._procrastinate_run.STOP_SECONDS", 0.05)
    begun, go_on = asyncio.Event(), asyncio.Event()

    @app.task(name="stubborn")
    async def stubborn():
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await go_on.wait()

    await stubborn.defer_async()
    working = asyncio.create_task(app.run_worker_async(wait=False))
    await begun.wait()
    with pytest.warns(UserWarning, match=r"Job 1 \(stubborn\) does not stop"):
        await app.connector.queue.end_runs()
    go_on.set()
    await asyncio.wait({working})
    gc.collect()
    assert app.connector.jobs[1].status == "doing"
