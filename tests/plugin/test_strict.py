"""A job's exception that no test looked at fails its test; what else may not be left unseen."""

import pytest

TASKS = """
class Down(Exception):
    pass

async def charge(cart_id):
    raise Down("the bank is closed")

def broken():
    return undefined
"""
HEAD = """
import asyncio
from unittest.mock import AsyncMock, Mock

import pytest
from pytest_taskq import job
from pytest_taskq.docket import Retry
import tasks
from tasks import Down, charge

@pytest.fixture
def shop(docket):
    docket.register(charge)
    return docket
"""
HIDDEN = """
def test_it(taskq, shop):
    taskq.enqueue(job(charge, 7))
    taskq.drain(errors="retry")
"""


@pytest.fixture
def outcomes(run_files):
    """Run tests beside tasks of a module; hands out the result."""

    def outcomes(text, *options, **files):
        return run_files(*options, test_it=HEAD + text, tasks=TASKS, **files)

    return outcomes


def test_a_hidden_exception_fails_with_the_traceback_of_the_job_alone(outcomes):
    result = outcomes(HIDDEN, "--show-capture=no")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "    async def charge(cart_id):",
            '>       raise Down("the bank is closed")',
            "E       tasks.Down: the bank is closed",
            "E       raised by job #1 (charge), attempt 1, which no part of the test looked at",
            "E       Expect it with taskq.assert_outcome(), or mark *taskq_strict(False).",
            "tasks.py:5: Down",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_taskq*")
    result.stdout.no_fnmatch_line("*check_strictness*")


def test_of_many_hidden_exceptions_the_first_few_are_named(outcomes):
    result = outcomes(HIDDEN.replace("taskq.enqueue", "for n in range(30): taskq.enqueue"))
    lines = [line for line in result.outlines if line.startswith("E       and ")]
    named = [f"E       and Down by job #{number} (charge)" for number in range(2, 7)]
    assert lines == [*named, "E       and 24 more"]


def test_what_the_test_looked_at_is_not_hidden(outcomes):
    text = """
@pytest.fixture
def drained(taskq, shop):
    taskq.enqueue(job(charge, 7))
    return taskq.drain(errors="retry")

def test_outcome(taskq, drained):
    taskq.assert_outcome(charge, "dead", error=Down)

def test_error(drained):
    assert isinstance(drained[0].error, Down)

def test_errors(drained):
    assert len(drained.errors) == 1

def test_counts(drained):
    assert drained.counts == {"dead": 1}

def test_state(taskq, drained):
    assert len(taskq.jobs(state="dead")) == 1

def test_raised(taskq, shop):
    taskq.enqueue(job(charge, 7))
    with pytest.raises(Down):
        taskq.drain()

def test_performed(taskq, shop):
    assert isinstance(taskq.perform(job(charge, 7)).error, Down)

def test_captured(taskq, shop):
    with taskq.capture() as new:
        taskq.enqueue(job(charge, 7))
        taskq.drain(errors="retry")
    new.assert_outcome(charge, "dead")
"""
    outcomes(text).assert_outcomes(passed=8)


def test_what_is_over_is_not_hidden_either(outcomes):
    text = """
def test_it_succeeded_later(taskq, docket):
    tries = []

    async def shaky(retry=Retry(attempts=2)):
        tries.append(1)
        if len(tries) == 1:
            raise Down

    docket.register(shaky)
    taskq.enqueue(job(shaky))
    taskq.drain(errors="retry")

@pytest.mark.asyncio
async def test_it_was_cancelled(taskq, soniq_app):
    @soniq_app.job(name="fails", retries=3, retry_delay=60)
    async def fails():
        raise Down

    number = await soniq_app.enqueue(fails)
    await taskq.drain(errors="retry")
    assert await soniq_app.cancel_job(number)
"""
    outcomes(text).assert_outcomes(passed=2)


def test_a_performed_job_whose_error_was_not_read_is_hidden(outcomes):
    text = """
def test_it(taskq, shop):
    taskq.perform(job(charge, 7))
"""
    outcomes(text).assert_outcomes(failed=1)


@pytest.mark.parametrize(
    ("mark", "ini", "options", "outcome"),
    [
        ("", "", (), "failed"),
        ("@pytest.mark.taskq_strict(False)", "", (), "passed"),
        ('@pytest.mark.taskq_strict("unexecuted")', "", (), "passed"),
        ("", "taskq_strict = off", (), "passed"),
        ("", "", ("--taskq-strict=off",), "passed"),
        ("", "taskq_strict = off", ("--taskq-strict=errors",), "failed"),
        ('@pytest.mark.taskq_strict("errors")', "taskq_strict = off", (), "failed"),
    ],
)
def test_it_is_on_and_can_be_switched_off(pytester, mark, ini, options, outcome):
    pytester.makeini(f"[pytest]\nasyncio_default_fixture_loop_scope = function\n{ini}\n")
    pytester.makepyfile(tasks=TASKS, test_it=HEAD + mark + HIDDEN)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)
    result.assert_outcomes(**{outcome: 1})


@pytest.mark.parametrize(
    ("mark", "found"),
    [
        ("()", "nothing"),
        ('("error")', "'error'"),
        ('(kinds="errors")', "kinds"),
        ("(True)", "True"),
    ],
)
def test_a_wrong_marker_fails_its_test_in_one_line(outcomes, mark, found):
    result = outcomes(f"@pytest.mark.taskq_strict{mark}{HIDDEN}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [f"test_it.py::test_it: the marker taskq_strict takes *It was given {found}. Name some *"]
    )


def test_jobs_that_never_ran_can_be_refused(outcomes):
    text = """
pytestmark = pytest.mark.taskq_strict("errors", "unexecuted")

def test_left(taskq, shop):
    taskq.enqueue(job(charge, 7))

def test_later(taskq, shop):
    taskq.enqueue(job(charge, 7), at="1h")
"""
    result = outcomes(text)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "1 job never ran:",
            "    #1 charge(7)  queued",
            "Drain the queue, or ask for less: @pytest.mark.taskq_strict('errors').",
        ]
    )


def test_a_forgotten_await_fails_its_test_and_says_where(outcomes):
    text = """
@pytest.mark.asyncio
async def test_it(taskq, shop):
    taskq.drain()
"""
    result = outcomes(text)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["taskq.drain() was not awaited (test_it.py:17)* Write `await taskq.drain()`."]
    )
    result.stdout.no_fnmatch_line("*hidden*")


def test_a_test_that_fails_by_itself_is_told_nothing_more(outcomes):
    text = """
@pytest.mark.asyncio
async def test_it(taskq, shop):
    taskq.drain()
    await taskq.enqueue(job(charge, 7))
    await taskq.drain(errors="retry")
    assert False, "mine"
"""
    result = outcomes(text, "--show-capture=no")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*AssertionError: mine"])
    result.stdout.no_fnmatch_line("*was not awaited*")
    result.stdout.no_fnmatch_line("*looked at*")


def test_without_the_harness_what_the_test_raises_itself_is_meant(outcomes):
    text = """
@pytest.mark.asyncio
async def test_raised_in_the_tests_own_file(docket, worker):
    async def fails():
        raise Down

    await docket.add(fails)()
    await worker.run_until_finished()

@pytest.mark.asyncio
async def test_raised_by_a_mock(docket, worker):
    bank = Mock(side_effect=Down)

    async def pays():
        bank()

    await docket.add(pays)()
    await worker.run_until_finished()

@pytest.mark.asyncio
async def test_raised_by_a_fixture_of_a_conftest(docket, worker, bank):
    async def pays():
        bank()

    await docket.add(pays)()
    await worker.run_until_finished()
"""
    conftest = """
import pytest

@pytest.fixture
def bank():
    def closed():
        raise OSError
    return closed
"""
    outcomes(text, conftest=conftest).assert_outcomes(passed=3)


def test_without_the_harness_what_nobody_raised_on_purpose_is_hidden(outcomes):
    text = """
@pytest.mark.asyncio
async def test_a_name_error_in_the_tests_own_file(docket, worker):
    async def fails():
        undefined

    await docket.add(fails)()
    await worker.run_until_finished()

@pytest.mark.asyncio
async def test_a_name_error_in_the_tasks(docket, worker):
    await docket.add(tasks.charge)(7)
    await worker.run_until_finished()

def test_of_another_library(in_memory_app):
    in_memory_app.task(name="broken")(tasks.broken).defer()
    in_memory_app.run_worker(wait=False)
"""
    result = outcomes(text)
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(["E       NameError: name 'undefined' is not defined"])
