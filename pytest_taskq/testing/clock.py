"""The clock of a test, as the user has it in hand: it tells of what nobody awaits."""

from __future__ import annotations

from pytest_taskq.engine.clock import Clock
from pytest_taskq.testing.promises import noted

__all__ = ["TestClock"]


class TestClock(Clock):
    """The ``Clock`` that the fixture ``taskq_clock`` hands out."""

    __test__ = False  # or pytest would take it for a class of tests

    elapse = noted("taskq_clock.elapse")(Clock.elapse)
    settle = noted("taskq_clock.settle")(Clock.settle)
