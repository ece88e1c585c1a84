"""What is loaded before the first test: what its fixtures need, and nothing else."""

import pytest

LOADED = """
import sys

def pytest_runtest_logstart(nodeid):
    ours = {name for name in sys.modules if name.startswith("pytest_taskq.")}
    print("\\nOURS", *sorted(ours))
"""
LOGGERS = """
import logging

def pytest_runtest_logstart(nodeid):
    names = logging.root.manager.loggerDict
    print("\\nOURS", *(name for name in names if name.startswith(("docket.", "pytest_taskq."))))
"""
OWN = """
import pytest

@pytest.fixture
def worker():
    return "our best one"

def test_it(worker):
    assert worker == "our best one"
"""


def loaded(result):
    line = next(line for line in result.outlines if line.startswith("OURS"))
    return {name for name in line.split() if not name.startswith("pytest_taskq.plugin")}


@pytest.mark.parametrize(
    ("fixture", "needed"),
    [
        ("taskq", "pytest_taskq.testing.harness"),
        ("taskq_clock", "pytest_taskq.engine.clock"),
        ("docket", "pytest_taskq.docket.docket"),
        ("worker", "pytest_taskq.docket.worker"),
        ("in_memory_app", "pytest_taskq.procrastinate.app"),
        ("in_memory_connector", "pytest_taskq.procrastinate.app"),
        ("soniq_app", "pytest_taskq.soniq.app"),
    ],
)
def test_what_a_fixture_needs_is_there_before_the_first_test(run_files, fixture, needed):
    result = run_files("-s", conftest=LOADED, test_it=f"def test_it({fixture}): pass")
    assert {needed, "pytest_taskq.testing.environment"} <= loaded(result)


def test_a_logger_is_made_where_it_speaks(run_files):
    # Pytest looks at each that there is, six times in every test.
    text = "def test_it(taskq, docket, worker, in_memory_app, soniq_app): pass"
    result = run_files("-s", conftest=LOGGERS, test_it=text)
    result.assert_outcomes(passed=1)
    assert loaded(result) == {"OURS", "docket.worker"}


def test_a_fixture_of_that_name_that_is_the_users_own_loads_nothing(run_files):
    result = run_files("-s", conftest=LOADED, test_it=OWN)
    result.assert_outcomes(passed=1)
    assert loaded(result) == {"OURS"}


def test_to_collect_loads_nothing(run_files):
    said = "def pytest_unconfigure(): pytest_runtest_logstart('')"
    result = run_files("-s", "--co", conftest=f"{LOADED}\n{said}", test_it="def test_it(docket): 0")
    assert loaded(result) == {"OURS"}


def test_what_cannot_be_imported_fails_the_test_that_asks_for_it(run_files):
    broken = "import sys; sys.modules['pytest_taskq.soniq'] = None"
    text = "def test_it(soniq_app): pass\ndef test_other(docket): pass"
    result = run_files(conftest=broken, test_it=text)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*ModuleNotFoundError*pytest_taskq.soniq*"])


def test_each_test_of_a_run_with_a_substitute_is_surrounded_by_its_facade(run_files):
    result = run_files("-s", "--taskq-substitute=docket", conftest=LOADED, test_it="def test(): 0")
    assert "pytest_taskq.docket.docket" in loaded(result)
