"""The classes that a test gets from the package are those that the facade goes by."""

import subprocess
import sys


def run(program):
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_they_are_also_where_a_test_that_restores_the_modules_was_the_first_to_ask():
    run("""
import sys
from unittest import mock

import pytest_taskq.docket as docket

with mock.patch.dict(sys.modules, {"stripe": mock.Mock()}):  # forgets what is imported inside
    from pytest_taskq.docket import Cron, Perpetual, RecordedCall
    from pytest_taskq.docket.docket import DocketSnapshot

from pytest_taskq.docket import _perpetual, _snapshot, dependencies, recording

assert Perpetual is dependencies.Perpetual is _perpetual.Perpetual is docket.Perpetual
assert Cron is dependencies.Cron is _perpetual.Cron
assert RecordedCall is recording.RecordedCall
assert DocketSnapshot is _snapshot.DocketSnapshot
""")


def test_its_submodules_are_there_with_it():
    run("""
import pytest_taskq.docket as docket

for name in ("agenda", "dependencies", "docket", "execution", "recording", "testing", "worker"):
    assert getattr(docket, name).__name__ == f"pytest_taskq.docket.{name}"
""")
