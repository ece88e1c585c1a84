"""Freezes Python's own clocks to ours with freezegun. The only file that imports it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_taskq.core.instants import to_datetime

if TYPE_CHECKING:
    from pytest_taskq.engine.clock import Clock

__all__ = ["FreezegunFreezer"]

# Modules that keep the real functions they imported: a test's duration, the loop and threads
# are real.
UNTOUCHED = ("_pytest.", "asyncio.", "concurrent.", "pytest_taskq.", "selectors", "threading")

# What durations are measured with stays real, or every loop and lock in the process would
# stand still.
STAYS_REAL = ("monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns")


class FreezegunFreezer:
    """``datetime`` and ``time.time()`` say what the clock says; durations stay real."""

    def __init__(self) -> None:
        self._freezer: Any = None

    def start(self, clock: Clock) -> None:
        """See ``Freezer.start``."""
        import time
        from importlib import import_module

        api: Any = import_module("freezegun.api")  # its types leave out what we need of it
        offset = to_datetime(clock.now()).astimezone().utcoffset()
        freezer = api.freeze_time("1970-01-01", tz_offset=offset)
        freezer.ignore = UNTOUCHED
        freezer.start()
        self._freezer = freezer
        # Read our clock at each call, so that the two can never differ; and for every caller,
        # whatever module is near the top of its stack.
        api.freeze_factories[-1] = lambda: to_datetime(clock.now()).replace(tzinfo=None)
        api.ignore_lists[-1] = ()
        real = {name: getattr(api, f"real_{name}") for name in STAYS_REAL}
        for name, function in real.items():
            setattr(time, name, function)
        kept = {id(function) for function in real.values()}
        for module, attribute, original in freezer.undo_changes:
            if id(original) in kept:
                setattr(module, attribute, original)

    def stop(self) -> None:
        """See ``Freezer.stop``."""
        freezer, self._freezer = self._freezer, None
        if freezer is not None:
            freezer.stop()
