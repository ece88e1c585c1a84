"""The example services pass the tests that their authors would write, out of the box."""

import subprocess
import sys

import pytest

from support.source import ROOT


@pytest.mark.slow
def test_the_photo_lab(tmp_path):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "docs/examples/photolab"),
            *("-p", "no:cacheprovider", f"--basetemp={tmp_path / 'lab'}"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
