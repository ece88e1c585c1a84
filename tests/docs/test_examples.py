"""The example services pass the tests that their authors would write, out of the box."""

import os
import subprocess
import sys

import pytest

from support.source import ROOT


def passes(example, basetemp, **environment):
    """The summary of a run that went well."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", f"docs/examples/{example}"),
            *("-p", "no:cacheprovider", f"--basetemp={basetemp}"),
        ],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.slow
def test_the_photo_lab(tmp_path):
    passes("photolab", tmp_path / "lab")


@pytest.mark.slow
def test_the_clinic_without_a_server(tmp_path):
    summary = passes("clinic", tmp_path / "clinic")
    assert "13 skipped" in summary  # what needs Procrastinate's own tables


@pytest.mark.slow
def test_the_clinic_on_its_real_database(tmp_path, backends):
    url = backends.place("postgres")
    summary = passes("clinic", tmp_path / "clinic", CLINIC_DATABASE=url)
    assert "skipped" not in summary
    assert "warning" not in summary  # as of a test database that cannot be dropped
