"""A real Docket as ``taskq_app`` in a run of its own: strictness, clocks, and what is refused."""

import pytest

CONFTEST = """
from uuid import uuid4

import pytest_asyncio
from docket import Docket


async def crash():
    raise LookupError("gone")


async def fine():
    pass


@pytest_asyncio.fixture
async def taskq_app():
    name = f"shop-{uuid4()}"
    async with Docket(name=name, url=f"memory://{name}") as docket:
        docket.register(crash)
        docket.register(fine)
        yield docket
"""
HEAD = """
import pytest

"""


@pytest.fixture
def outcomes(pytester):
    """Run tests beside the conftest; hands out the result."""

    def outcomes(text):
        pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
        pytester.makeconftest(CONFTEST)
        pytester.makepyfile(test_it=HEAD + text)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:xdist")

    return outcomes


def test_an_exception_that_nobody_looked_at_and_a_job_that_never_ran_fail(outcomes):
    result = outcomes("""
@pytest.mark.asyncio
async def test_hidden(taskq, taskq_app):
    await taskq_app.add("crash")()
    await taskq.drain(errors="retry")

@pytest.mark.asyncio
async def test_looked_at(taskq, taskq_app):
    await taskq_app.add("crash")()
    ran = await taskq.drain(errors="retry")
    assert [str(error) for error in ran.errors] == ["gone"]

@pytest.mark.taskq_strict("errors", "unexecuted")
@pytest.mark.asyncio
async def test_left(taskq, taskq_app):
    await taskq_app.add("fine")()
""")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*LookupError: gone*"])
    result.stdout.fnmatch_lines(["*1 job never ran*"])


def test_a_test_that_moves_time_is_refused(outcomes):
    result = outcomes("""
@pytest.mark.asyncio
async def test_held(taskq, taskq_app, taskq_clock): ...

@pytest.mark.taskq_time("2030-01-01")
@pytest.mark.asyncio
async def test_begins_later(taskq, taskq_app): ...

@pytest.mark.asyncio
async def test_asks_late(request, taskq_app, docket):
    request.getfixturevalue("taskq")

@pytest.mark.taskq_time(mode="real")
@pytest.mark.asyncio
async def test_real(taskq, taskq_app):
    assert taskq.clock.mode == "real"
""")
    result.assert_outcomes(passed=1, errors=2, failed=1)
    result.stdout.fnmatch_lines(["*A real Docket lives on real time*"])


def test_a_sync_test_runs_jobs_too(outcomes):
    result = outcomes("""
def test_sync(taskq):
    taskq.enqueue("fine")
    assert taskq.drain().counts == {"succeeded": 1}
    assert taskq.perform("fine").state == "succeeded"
""")
    result.assert_outcomes(passed=1)
