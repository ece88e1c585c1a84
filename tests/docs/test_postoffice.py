"""An application written for pydocket passes its own tests on the library, and on our facade."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PASSED = "8 passed"


@pytest.fixture
def run_postoffice(tmp_path):
    """Runs the tests of the application in a process of its own; hands out what it prints."""

    def run(*options):
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "docs/examples/postoffice"),
                *("-p", "no:cacheprovider", f"--basetemp={tmp_path / 'run'}", *options),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.slow
def test_it_passes_on_the_library(run_postoffice):
    printed = run_postoffice("-p", "no:taskq")
    assert PASSED in printed
    assert "substitute" not in printed


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["memory", "sqlite"])
def test_it_passes_on_the_facade(run_postoffice, backend):
    printed = run_postoffice("--taskq-substitute=docket", f"--taskq-backend={backend}")
    assert PASSED in printed
    assert f"backend={backend}" in printed
    assert "substitute=docket" in printed


@pytest.mark.slow
def test_it_passes_in_several_processes(run_postoffice):
    assert PASSED in run_postoffice("--taskq-substitute=docket", "-n2")
