"""The hooks: options, what is loaded and when, the header, and an interruption."""

import sys

import pytest

from pytest_taskq.engine import freezers

LOADED = """
import sys

def pytest_unconfigure():
    names = sorted({name.partition(".")[0] for name in sys.modules})
    ours = [name for name in sys.modules if name.startswith("pytest_taskq.")]
    print("TOP", *names)
    print("OURS", *sorted(ours))
"""
HEAVY = {"redis", "fakeredis", "asyncpg", "sqlite3", "freezegun", "hypothesis", "time_machine"}


@pytest.mark.parametrize("loops", [True, False])
def test_collecting_loads_nothing_heavy(run_files, loops):
    others = ("hypothesispytest", "anyio", "randomly", "xdist", "time_machine")
    options = [option for name in others for option in ("-p", f"no:{name}")]
    if not loops:
        options += ["-p", "no:asyncio"]
    result = run_files("--co", "-q", "-s", *options, conftest=LOADED)
    top = next(line for line in result.outlines if line.startswith("TOP")).split()
    ours = next(line for line in result.outlines if line.startswith("OURS")).split()
    assert HEAVY.isdisjoint(top)
    assert loops or "asyncio" not in top
    assert ours[1:]
    assert all(name.startswith("pytest_taskq.plugin") for name in ours[1:])


def test_the_front_door_loads_nothing_until_it_is_used(pytester):
    script = pytester.makepyfile(
        """
        import sys
        import pytest_taskq

        assert "asyncio" not in sys.modules
        assert "wait_until" in dir(pytest_taskq)
        from pytest_taskq import wait_until
        assert wait_until.__module__ == "pytest_taskq.testing.wait"
        """
    )
    assert pytester.run(sys.executable, "-I", script).ret == 0


def test_the_plugin_can_be_switched_off(run_files):
    run_files("-p", "no:taskq", test_it="def test(): pass").assert_outcomes(passed=1)
    result = run_files("-p", "no:taskq", test_it="def test(docket): pass")
    result.stdout.fnmatch_lines(["*fixture 'docket' not found*"])


def test_the_header_says_what_the_tests_run_on(run_files):
    result = run_files("--taskq-seed=7", test_it="def test(): pass")
    result.stdout.fnmatch_lines(["taskq: backend=memory, seed=7"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "seed=0"),
        ({"ini": "1"}, "seed=1"),
        ({"ini": "1", "environment": "2"}, "seed=2"),
        ({"ini": "1", "environment": "2", "line": "3"}, "seed=3"),
    ],
)
def test_the_command_line_wins_over_the_environment_and_that_over_the_ini(
    pytester, monkeypatch, given, expected
):
    if "ini" in given:
        pytester.makeini(f"[pytest]\ntaskq_seed = {given['ini']}\n")
    if "environment" in given:
        monkeypatch.setenv("TASKQ_SEED", given["environment"])
    options = [f"--taskq-seed={given['line']}"] if "line" in given else []
    result = pytester.runpytest_subprocess("--co", *options)
    result.stdout.fnmatch_lines([f"*backend=memory, {expected}"])


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            ["--taskq-backend=mongo"],
            "ERROR: taskq: there is no backend 'mongo'. It was chosen by --taskq-backend, *memory.",
        ),
        (
            ["--taskq-seed=x"],
            "ERROR: taskq: the seed must be a whole number of at least 0. *'x', *",
        ),
        (["--taskq-seed=-1"], "ERROR: taskq: the seed must be a whole number of at least 0. *"),
        (
            ["--taskq-html", "test_it.py"],
            "ERROR: taskq: the page of the run would be written over test_it.py, which is no *",
        ),
        # A server that is named is used.
        (["--taskq-url=redis://localhost:1/0"], "ERROR: taskq: *localhost:1*"),
    ],
)
def test_a_wrong_option_ends_the_run_before_it_begins(run_files, options, line):
    result = run_files(*options, test_it="def test(): pass")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([line])
    assert run_files(*options, "--help").ret == 0


def test_an_option_that_is_given_nothing_is_not_given(run_files):
    result = run_files("--taskq-backend=", "--taskq-html=", test_it="def test(): pass")
    result.stdout.fnmatch_lines(["taskq: backend=memory, seed=0"])


@pytest.mark.parametrize("release", [None, "2.16.0"])
def test_a_freezer_that_cannot_be_used_ends_the_run_before_it_begins(
    pytester, monkeypatch, release
):
    monkeypatch.setattr(freezers, "find_spec", lambda name: None if release is None else name)
    monkeypatch.setattr(freezers, "version", lambda name: release)
    freezers.has_time_machine.cache_clear()
    result = pytester.runpytest_inprocess("--taskq-freezer=time-machine")
    freezers.has_time_machine.cache_clear()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: taskq: the freezer time-machine is not installed, in *[[]time-machine]*"]
    )


def test_the_limit_of_a_chain_can_be_raised(run_files):
    text = """
import pytest

from pytest_taskq.engine import freezers

@pytest.mark.asyncio
async def test_it(docket, worker):
    seen = []

    async def page(number):
        seen.append(number)
        if number < 1200:
            await docket.add(page)(number + 1)

    await docket.add(page)(1)
    await worker.run_until_finished()
    assert len(seen) == 1200
"""
    run_files(test_it=text).assert_outcomes(failed=1)
    run_files("--taskq-chain-limit=2000", test_it=text).assert_outcomes(passed=1)


def test_a_real_interruption_stops_the_run_and_leaves_nothing_behind(run_files):
    text = """
import asyncio
import os
import signal
import pytest

from pytest_taskq.engine import freezers

async def interrupted():
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.Event().wait()

@pytest.fixture
def after(docket):
    yield
    (job,) = docket.queue.store._jobs.values()
    print("AFTER", job.state, job.attempt)

@pytest.mark.asyncio
async def test_it(after, docket, worker):
    await docket.add(interrupted)()
    await worker.run_until_finished()

def test_not_reached():
    print("REACHED")
"""
    result = run_files("-s", test_it=text)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*AFTER queued 0*"])
    result.stdout.no_fnmatch_line("*REACHED*")
