"""Exceptions of jobs that run while the fixtures of a test are torn down are not hidden either."""

import pytest

HEAD = """
import asyncio

import pytest
import pytest_asyncio
from pytest_taskq import job

class Down(Exception):
    pass

async def charge(cart_id):
    raise Down(f"the bank is closed for {cart_id}")
"""
ASYNC = """
@pytest_asyncio.fixture
async def shop(docket, worker):
    docket.register(charge)
    yield docket
    await worker.run_until_finished()
"""
SYNC = """
@pytest.fixture
def shop(docket, taskq):
    docket.register(charge)
    yield docket
    taskq.drain(errors="retry")
"""


@pytest.fixture
def outcomes(run):
    """Run tests beside a task and a fixture; hands out the result."""

    def outcomes(fixture, text, *options):
        return run(HEAD + fixture + text, *options)

    return outcomes


@pytest.mark.parametrize("fixture", [ASYNC, SYNC])
@pytest.mark.parametrize("option", ["", "--taskq-substitute=docket"])
def test_a_job_that_fails_afterwards_is_an_error_at_teardown(outcomes, fixture, option):
    text = """
@pytest.mark.asyncio
async def test_it(taskq, shop):
    await shop.add(charge)(7)
"""
    result = outcomes(fixture, text, "--show-capture=no", *option.split())
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_it*",
            "*Down: the bank is closed for 7",
            "raised by job #1 (charge), attempt 1, which no part of the test looked at",
            "Expect it with *",
            "It was raised after the test itself, while its fixtures were torn down:",
            '*raise Down(f"the bank is closed for {cart_id}")',
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_taskq*")


@pytest.mark.parametrize("fixture", [ASYNC, SYNC])
def test_what_was_looked_at_or_is_allowed_is_no_error(outcomes, fixture):
    text = """
@pytest.mark.asyncio
@pytest.mark.taskq_strict(False)
async def test_marked(taskq, shop):
    await shop.add(charge)(7)

@pytest.fixture
def seen(taskq, request):
    yield
    taskq.assert_outcome(charge, "dead", error=Down)

@pytest.mark.asyncio
async def test_looked_at(taskq, seen, shop):
    await shop.add(charge)(7)
"""
    outcomes(fixture, text).assert_outcomes(passed=2)


def test_nothing_is_told_twice(outcomes):
    text = """
async def failed(shop, taskq):
    await shop.add(charge)(1)
    await taskq.drain(errors="retry")

pytestmark = pytest.mark.asyncio

async def test_strict(taskq, shop):
    await failed(shop, taskq)

async def test_of_its_own(taskq, shop):
    await failed(shop, taskq)
    assert False

async def test_skipped(taskq, shop):
    await failed(shop, taskq)
    pytest.skip("enough")

@pytest_asyncio.fixture
async def broken(taskq, shop):
    await failed(shop, taskq)
    assert False

async def test_never_begun(broken): ...
"""
    outcomes(ASYNC, text).assert_outcomes(failed=2, skipped=1, errors=1)


def test_a_test_that_failed_tells_of_what_came_after_it_alone(outcomes):
    text = """
@pytest.mark.asyncio
async def test_it(taskq, shop):
    await shop.add(charge)(1)
    await taskq.drain(errors="retry")
    await shop.add(charge)(2)
    assert False
"""
    result = outcomes(ASYNC, text)
    result.assert_outcomes(failed=1, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown*", "*Down: the bank is closed for 2"])
    result.stdout.no_fnmatch_line("*and Down by job*")
