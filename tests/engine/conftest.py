"""What tests of the clock on real time share."""

from datetime import UTC, datetime

import pytest

from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.freezer import FreezegunFreezer
from pytest_taskq.engine.time_machine import TimeMachineFreezer

FREEZERS = {"none": lambda: None, "freezegun": FreezegunFreezer, "time-machine": TimeMachineFreezer}


@pytest.fixture(params=FREEZERS)
def freezer(request):
    """Each way to make Python's own clocks follow ours, and none."""
    return FREEZERS[request.param]()


@pytest.fixture
def clock(freezer):
    """An auto clock that begins at a midnight of 2031, which these tests count from."""
    clock = Clock("auto", datetime(2031, 5, 4, tzinfo=UTC), freezer=freezer)
    yield clock
    clock.close()
