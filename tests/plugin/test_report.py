"""What a failed test shows: its own lines, its jobs, and nothing of another test."""

import pytest


def test_a_failed_test_shows_the_queue_and_the_jobs_own_error(run_files):
    text = """
import pytest

async def charge(order):
    raise ConnectionError(f"bank is closed for {order}")

@pytest.mark.asyncio
async def test_payment(docket, worker):
    await docket.add(charge, key="order-7")("book")
    await worker.run_until_finished()
    assert False, "not paid"
"""
    result = run_files(test_it=text)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*AssertionError: not paid*",
            "*- taskq: the queue -*",
            "The clock is auto and stands at *",
            "1 job: 1 dead.",
            "*  test    enqueue #1 charge('book') key=order-7",
            "*  worker  start   #1 charge",
            "*  worker  fail    #1 charge try 1  ConnectionError: bank is closed for book -> dead",
            "Job #1 (charge) failed in attempt 1:",
            "*test_it.py*in charge",
            '*raise ConnectionError(f"bank is closed for {order}")',
        ]
    )


def test_the_traceback_of_an_error_of_ours_ends_in_the_users_own_line(run_files):
    text = """
import pytest

def test_it(in_memory_app):
    note = in_memory_app.task(name="note")(print)
    note.defer(value=object())
"""
    result = run_files(test_it=text)
    result.stdout.fnmatch_lines([">       note.defer(value=object())", "E*args.value*"])
    result.stdout.no_fnmatch_line("*_json.py*")
    run_files("--full-trace", test_it=text).stdout.fnmatch_lines(["*_json.py*"])


def test_a_job_that_fails_before_its_task_begins_is_shown_without_the_run(run_files):
    result = run_files(
        test_it="""
def test_it(in_memory_app, taskq):
    in_memory_app.configure_task("nope").defer()
    taskq.drain()
"""
    )
    shown = result.stdout.str().partition("Job #1 (nope) failed in attempt 1:")[2]
    assert "TaskNotFound: No task is registered under the name 'nope'" in shown
    assert not any(file in shown for file in ("drain.py", "awaited.py", "harness.py"))


def test_a_job_that_runs_when_the_test_fails_is_shown_running(run_files):
    text = """
import asyncio
import pytest

@pytest.mark.asyncio
async def test_it(docket, worker):
    started = asyncio.Event()

    async def slow():
        started.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(worker.run_forever())
    await docket.add(slow)()
    await started.wait()
    assert False
"""
    run_files(test_it=text).stdout.fnmatch_lines(
        ["1 job: 1 running.", "*  test    enqueue #1 slow()", "Waiting: 1 running."]
    )


@pytest.mark.parametrize(("call", "outcome"), [("fail", "failed"), ("skip", "skipped")])
def test_what_a_job_says_of_the_test_reaches_the_test(run_files, call, outcome):
    text = f"""
import pytest

async def guard():
    pytest.{call}("must not be called")

@pytest.mark.asyncio
async def test_it(docket, worker):
    await docket.add(guard)()
    await worker.run_until_finished()
"""
    run_files(test_it=text).assert_outcomes(**{outcome: 1})


def test_a_report_that_cannot_be_made_says_so_and_no_more(run_files):
    text = """
import enum
import pytest

class Odd(enum.Enum):
    ONE = 1
    def __repr__(self):
        raise ValueError("no repr")

async def note(value):
    pass

@pytest.mark.asyncio
async def test_it(docket):
    await docket.add(note)(Odd.ONE)
    assert False
"""
    result = run_files(test_it=text)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*enqueue #1 note(<a Odd that cannot be shown: ValueError>)"])


def test_a_wait_in_vain_does_not_show_the_queue_of_another_test(run_files):
    text = """
import pytest
from pytest_taskq import wait_until

def test_first(in_memory_app):
    in_memory_app.task(name="old")(print).defer()
    assert False

@pytest.mark.asyncio
async def test_second():
    await wait_until(lambda: False, timeout=0.01, message="in vain")
"""
    result = run_files("-k", "second or first", test_it=text)
    result.assert_outcomes(failed=2)
    seen = "\n".join(result.outlines).split("in vain")[-1]
    assert "old" not in seen.split("short test summary")[0]


def test_a_passing_test_shows_nothing(run_files):
    result = run_files("-rA", test_it="def test(docket): pass")
    result.stdout.no_fnmatch_line("*the queue*")
