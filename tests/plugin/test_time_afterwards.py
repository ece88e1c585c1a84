"""However a test ends: the next one has real time on every clock, and asyncio's own loop."""

import sys
from textwrap import dedent

import pytest

CONFTEST = """
import asyncio
import time
from datetime import UTC, datetime

import pytest

REPLACED = (
    *("time", "call_at", "create_future", "_ensure_fd_no_transport", "_make_subprocess_transport"),
    *("run_in_executor", "add_reader", "_make_socket_transport", "sock_recv"),
)

async def check():
    loop = asyncio.get_running_loop()
    assert not set(REPLACED) & set(vars(loop))
    assert "select" not in vars(loop._selector)
    machine = time.clock_gettime(time.CLOCK_REALTIME)
    assert abs(time.time() - machine) < 60
    assert abs(datetime.now(UTC).timestamp() - machine) < 60
    assert abs(loop.time() - time.monotonic()) < 1
    started = time.perf_counter()
    await asyncio.sleep(0.02)
    assert 0.015 <= time.perf_counter() - started

@pytest.fixture
def check_that_all_is_real():
    return check
"""

TESTS = """
    import asyncio
    import pytest

    here = pytest.mark.asyncio(loop_scope="{scope}")

    @here
    @pytest.mark.taskq_time("2040-01-01", mode="{mode}")
    async def test_it(taskq_clock, docket):
        {move}
        asyncio.get_running_loop().call_later(9_999, print)
        {end}

    @here
    async def test_after(check_that_all_is_real):
        await check_that_all_is_real()

    def test_after_without_a_loop(check_that_all_is_real):
        asyncio.run(check_that_all_is_real())
"""

JUMPED = ("auto", "await asyncio.sleep(3600)")
HELD = ("held", "taskq_clock.advance('14d')")
ENDS = {
    "passes": "pass",
    "fails": "assert 0",
    "errs": "raise KeyError",
    "leaves": "raise SystemExit(3)",
    "is skipped": "pytest.skip('rain')",
    "is cancelled": "asyncio.current_task().cancel(); await asyncio.sleep(1)",
    "catches it": """
        asyncio.current_task().cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(1)""",
    "leaves a task": "asyncio.create_task(asyncio.sleep(9_999)); await taskq_clock.settle()",
    "leaves time": "asyncio.create_task(taskq_clock.elapse('1d')); await asyncio.sleep(0)",
    "leaves a worker": """
        from pytest_taskq.docket import Worker
        asyncio.create_task(Worker(docket).run_forever())
        await taskq_clock.settle()""",
    "leaves a freeze": "from freezegun import freeze_time; freeze_time('2050-01-01').start()",
}


@pytest.mark.slow
@pytest.mark.parametrize("freezer", ["freezegun", "auto", "none"])
@pytest.mark.parametrize(("mode", "move"), [JUMPED, HELD], ids=["jumped", "held"])
def test_each_end_of_a_test_leaves_real_time(run_files, freezer, mode, move):
    files = {
        f"test_{n}": TESTS.format(scope="session", mode=mode, move=move, end=end)
        for n, (name, end) in enumerate(ENDS.items())
        if name != "leaves a freeze" or freezer == "freezegun"
    }
    result = run_files(f"--taskq-freezer={freezer}", "-v", conftest=CONFTEST, **files)
    outcomes = result.parseoutcomes()
    after = [line for line in result.outlines if "::test_after" in line and "PASSED" in line]
    assert len(after) == 2 * len(files), outcomes


@pytest.mark.slow
@pytest.mark.parametrize("scope", ["function", "module", "session"])
@pytest.mark.parametrize(("mode", "move"), [JUMPED, HELD], ids=["jumped", "held"])
def test_a_test_that_is_stuck_or_out_of_time_leaves_real_time(run, pytester, scope, mode, move):
    end = "await asyncio.wait_for(asyncio.Event().wait(), 5)"
    text = TESTS.format(scope=scope, mode=mode, move=move, end=end)
    pytester.makeconftest(CONFTEST)
    result = run(text, "--taskq-stuck-after=1")
    result.assert_outcomes(passed=2, failed=1)
    expected = "TimeoutError" if mode == "auto" else "deadlock: nothing can wake *test_it (in *"
    result.stdout.fnmatch_lines([f"*{expected}*"])


INTERRUPTED = """
import sys
import pytest

assert pytest.main(["-q", "test_first.py"]) == pytest.ExitCode.INTERRUPTED
sys.exit(pytest.main(["-q", "test_second.py"]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "move"), [JUMPED, HELD], ids=["jumped", "held"])
def test_an_interrupted_test_leaves_real_time_in_its_process(pytester, mode, move):
    end = "os.kill(os.getpid(), signal.SIGINT); await asyncio.Event().wait()"
    text = dedent(TESTS.format(scope="function", mode=mode, move=move, end=end))
    first, later = text.split("@here\nasync def test_after(")
    head = first.partition("@here")[0]
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(
        test_first=f"import os, signal\n{first}",
        test_second=f"{head}@here\nasync def test_after({later}",
        both=INTERRUPTED,
    )
    done = pytester.run(sys.executable, "both.py", timeout=60)
    assert done.ret == 0
    done.stdout.fnmatch_lines(["*2 passed*"])
