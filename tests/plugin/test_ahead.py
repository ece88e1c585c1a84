"""What is loaded before the first test: what its fixtures need, and nothing else."""

import pytest

LOADED = """
import sys

def pytest_runtest_logstart(nodeid):
    ours = {name for name in sys.modules if name.startswith("pytest_taskq.")}
    print("\\nOURS", *sorted(ours))
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


def test_a_fixture_of_that_name_that_is_the_users_own_loads_nothing(run_files):
    result = run_files("-s", conftest=LOADED, test_it=OWN)
    result.assert_outcomes(passed=1)
    assert loaded(result) == {"OURS"}


def test_to_collect_loads_nothing(run_files):
    said = "def pytest_unconfigure(): pytest_runtest_logstart('')"
    result = run_files("-s", "--co", conftest=f"{LOADED}\n{said}", test_it="def test_it(docket): 0")
    assert loaded(result) == {"OURS"}
