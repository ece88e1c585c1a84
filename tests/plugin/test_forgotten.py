"""A call of the harness that was not awaited fails its test, which says which one and where."""

import pytest

HEAD = """
import asyncio
import pytest
from pytest_taskq import wait_until

pytestmark = pytest.mark.asyncio

async def work():
    await asyncio.sleep(1)

class Worker:
    async def run(self):
        await asyncio.Event().wait()

"""
AWAITED = [
    "taskq.cancel_and_check(work)",
    "taskq.cancel_at_every_await(work)",
    "taskq.assert_times_out(work, after=1)",
    "taskq.assert_stopped(asyncio.current_task())",
    "taskq.settle()",
    "taskq.drained(asyncio.Queue())",
    "wait_until(lambda: False)",
    "taskq_clock.elapse('3d')",
    "taskq_clock.settle()",
]
GOOD = """
async def test_good(taskq, taskq_clock):
    await taskq.settle()
    await asyncio.gather(taskq.settle(), wait_until(lambda: True))
    going_on = asyncio.create_task(taskq_clock.elapse("1h"))
    async with taskq.running(Worker()) as w:
        await w.stop()
    await taskq.drained(asyncio.Queue())
    await going_on
    closed = taskq.settle()
    closed.close()

async def test_good_with_a_queue(taskq, docket):
    async with taskq.running():
        await taskq.drain()
"""


def test_each_that_is_to_be_awaited(run_files):
    tests = "".join(
        f"\nasync def test_{number}(taskq, taskq_clock):\n    {call}\n"
        for number, call in enumerate(AWAITED)
    )
    result = run_files(test_it=HEAD + tests)
    result.assert_outcomes(failed=len(AWAITED))
    text = result.stdout.str()
    for number, call in enumerate(AWAITED):
        name = call.partition("(")[0]
        line = len(HEAD.splitlines()) + 3 * number + 2
        assert f"{name}() was not awaited (test_it.py:{line})." in text
        assert f"Write `await {name}()`." in text
    assert "never awaited" not in text


def test_in_a_sync_test_each_of_them_is_told_as_well(run_files):
    calls = [call for call in AWAITED if "current_task" not in call]
    tests = "".join(
        f"\ndef test_{number}(taskq, taskq_clock):\n    {call}\n"
        for number, call in enumerate([*calls, "taskq.running(Worker())"])
    )
    result = run_files(test_it=HEAD.replace("pytestmark", "mark") + tests)
    result.assert_outcomes(failed=len(calls) + 1)
    text = result.stdout.str()
    for number, call in enumerate(calls):
        name = call.partition("(")[0]
        line = len(HEAD.splitlines()) + 3 * number + 2
        assert f"{name}() was not awaited (test_it.py:{line}). In a sync test it does" in text
        assert f"Make that `async def`, and write `await {name}()`." in text
    assert "and write `async with taskq.running(...):`." in text
    assert "never awaited" not in text


def test_a_sync_test_may_run_them_on_a_loop_of_its_own(run_files):
    tests = """
def test_run(taskq, taskq_clock):
    asyncio.run(taskq.settle())
    with asyncio.Runner() as runner:
        runner.run(wait_until(lambda: True))

def test_beside_others(taskq):
    async def main():
        await asyncio.gather(taskq.settle(), wait_until(lambda: True))
        await asyncio.wait_for(asyncio.create_task(taskq.drained(asyncio.Queue())), 5)
    asyncio.run(main())
"""
    head = HEAD.replace("pytestmark", "mark")
    run_files("-W", "error", test_it=head + tests).assert_outcomes(passed=2)


@pytest.mark.parametrize("given", ["", "Worker()"])
def test_a_block_that_nobody_entered(run_files, given):
    result = run_files(
        test_it=HEAD + f"async def test_it(taskq, docket):\n    taskq.running({given})\n"
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["taskq.running() was not entered (test_it.py:15). *`async with taskq.running(...):`."]
    )


def test_a_method_of_a_worker_that_runs(run_files):
    test = """
async def test_it(taskq):
    w = taskq.running(Worker())
    async with w:
        w.stop()
"""
    result = run_files(test_it=HEAD + test)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["w.stop() was not awaited (test_it.py:18). *`await w.stop()`."])


def test_what_is_used_as_it_should_be_passes(run_files):
    run_files("-W", "error", test_it=HEAD + GOOD).assert_outcomes(passed=2)


@pytest.mark.parametrize("given", ["", "Worker()"])
def test_a_plain_with_is_told_the_other_one(run_files, given):
    head = HEAD.replace("pytestmark", "mark")
    test = f"def test_it(taskq, docket):\n    with taskq.running({given}):\n        pass\n"
    result = run_files("--show-capture=no", test_it=head + test)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E * It was used in a plain `with`. Write `async with taskq.running(...):` in an async *"]
    )


def test_a_plain_assertion_that_fails_shows_it_too(run_files):
    test = """
async def test_it(taskq, docket):
    await docket.add(work)()
    ran = []
    taskq.drain()
    assert ran == [1]
"""
    result = run_files(test_it=HEAD + test)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*1 job: 1 queued*", "taskq.drain() was not awaited (test_it.py:18). In an async test it*"]
    )


@pytest.mark.parametrize(
    "last",
    ["taskq.assert_outcome(work, 'succeeded')", "pass", "forgotten.errors", "assert work is None"],
    ids=["assertion of ours", "strictness", "use", "plain assertion"],
)
def test_it_stands_there_once_whoever_says_it(run_files, last):
    test = f"""
async def test_it(taskq, docket):
    await docket.add(work)()
    forgotten = taskq.drain()
    {last}
"""
    result = run_files("-rN", test_it=HEAD + test)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*taskq: the queue*", "*1 job: 1 queued*"])
    assert result.stdout.str().count("Write `await taskq.drain()`.") == 1
