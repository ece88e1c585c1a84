"""Which library moves Python's own clocks, and that none is touched before time departs."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from freezegun import freeze_time

from pytest_taskq.core.errors import MissingExtra
from pytest_taskq.engine import freezers
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.freezers import make_freezer

NOON = datetime(2031, 5, 4, 12, tzinfo=UTC)
TIME_MACHINE, FREEZEGUN = "TimeMachineFreezer", "FreezegunFreezer"


@pytest.fixture
def installed(monkeypatch):
    """Says which release of time-machine is installed, or None for no module at all."""

    def say(release):
        monkeypatch.setattr(freezers, "find_spec", lambda name: None if release is None else name)
        monkeypatch.setattr(freezers, "version", lambda name: release)

    freezers.has_time_machine.cache_clear()
    yield say
    freezers.has_time_machine.cache_clear()


def chosen(name):
    clock = Clock("held", NOON, freezer=make_freezer(name))
    try:
        assert datetime.now(UTC) == NOON
        return type(clock._freezer._freezer).__name__
    finally:
        clock.close()


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("3.0.0", TIME_MACHINE),
        ("3", TIME_MACHINE),
        ("10.1", TIME_MACHINE),
        ("2.19.0", FREEZEGUN),
        (None, FREEZEGUN),
        ("unknown", FREEZEGUN),
    ],
)
def test_auto_is_time_machine_where_a_release_that_leaves_durations_alone_is(
    installed, release, expected
):
    pytest.importorskip("time_machine")
    installed(release)
    assert chosen("auto") == expected


@pytest.mark.parametrize(
    ("name", "kind"), [("freezegun", FREEZEGUN), ("time-machine", TIME_MACHINE)]
)
def test_a_freezer_that_is_named_is_taken(name, kind):
    pytest.importorskip("time_machine")
    assert chosen(name) == kind


@pytest.mark.parametrize("release", [None, "2.19.0"])
def test_a_time_machine_that_is_missing_or_too_old_is_named_with_its_extra(installed, release):
    installed(release)
    with pytest.raises(MissingExtra, match=r'pip install "pytest-taskq\[time-machine\]"'):
        Clock("held", NOON, freezer=make_freezer("time-machine"))
    assert abs(datetime.now(UTC) - NOON) > timedelta(days=1)


def test_none_leaves_python_alone():
    clock = Clock("held", NOON, freezer=make_freezer("none"))
    assert clock.time() == NOON
    assert datetime.now(UTC) != NOON
    clock.close()


def test_auto_stays_below_a_freeze_of_the_users_own_that_was_there_before():
    with freeze_time("2040-01-01"):
        assert chosen("auto") == FREEZEGUN
        assert datetime.now(UTC) == datetime(2040, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("mode", ["auto", "real"])
def test_a_clock_that_never_departs_loads_no_freezer(mode):
    script = f"""
import sys
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.freezers import make_freezer

clock = Clock({mode!r}, freezer=make_freezer("auto"))
clock.now()
clock.close()
print(sorted({{"freezegun", "time_machine"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
