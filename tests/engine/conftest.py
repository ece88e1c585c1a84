"""What tests of the clock on real time share."""

import pytest

from pytest_taskq.engine.freezer import FreezegunFreezer
from pytest_taskq.engine.time_machine import TimeMachineFreezer

FREEZERS = {"none": lambda: None, "freezegun": FreezegunFreezer, "time-machine": TimeMachineFreezer}


@pytest.fixture(params=FREEZERS)
def freezer(request):
    """Each way to make Python's own clocks follow ours, and none."""
    return FREEZERS[request.param]()
