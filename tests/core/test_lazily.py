"""Names that are loaded when they are first used are what they would be if loaded at once."""

import subprocess
import sys
from types import ModuleType

import pytest

from pytest_taskq.core.lazily import load

HOMES = ["pytest_taskq.core.windows", "pytest_taskq.core.schedule"]
OFFERING = "an_offering_module"


@pytest.fixture
def offering(monkeypatch):
    module = ModuleType(OFFERING)
    module.__all__ = ["Window", "cron", "schedule", "nowhere"]
    monkeypatch.setitem(sys.modules, OFFERING, module)
    return module


def test_a_name_is_that_of_the_module_that_lists_it(offering):
    from pytest_taskq.core.schedule import cron
    from pytest_taskq.core.windows import Window

    assert load(OFFERING, "Window", HOMES) is Window
    assert load(OFFERING, "cron", HOMES) is cron
    assert offering.Window is Window, "asked for once"


def test_a_name_may_be_that_of_a_module(offering):
    assert load(OFFERING, "schedule", HOMES) is sys.modules["pytest_taskq.core.schedule"]


def test_what_the_user_has_put_in_its_place_stays(offering):
    offering.Window = "a stand-in"
    assert load(OFFERING, "Window", HOMES) == "a stand-in"


@pytest.mark.parametrize("name", ["settle", "no_such_name", "nowhere"])
def test_a_name_that_is_not_offered_or_has_no_home_is_an_ordinary_error(offering, name):
    with pytest.raises(AttributeError, match=f"module '{OFFERING}' has no attribute '{name}'"):
        load(OFFERING, name, HOMES)


UNUSED = ("agenda", "recording", "testing", "_snapshot", "_cron", "_windows")


def test_a_docket_alone_loads_little_and_everything_it_offers_is_there():
    program = f"""
import sys
import pytest_taskq.docket as docket
from pytest_taskq.docket import Docket, Worker
early = [name for name in {UNUSED} if f"pytest_taskq.docket.{{name}}" in sys.modules]
assert not early, early
assert set(docket.__all__) <= set(dir(docket))
assert all(getattr(docket, name) is not None for name in docket.__all__)
assert docket.docket.DocketSnapshot.__name__ == "DocketSnapshot"
from pytest_taskq.docket import *
assert Perpetual is docket.dependencies.Perpetual
assert testing is docket.testing
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
