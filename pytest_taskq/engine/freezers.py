"""Which library moves Python's own clocks: loaded when a clock first departs from real time."""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pytest_taskq.core.errors import MissingExtra

if TYPE_CHECKING:
    from pytest_taskq.engine.clock import Clock, Freezer

__all__ = ["LazyFreezer", "has_time_machine", "make_freezer"]


def make_freezer(name: str) -> Freezer | None:
    """The freezer of a name: auto, freezegun, time-machine, or none.

    Auto is time-machine where it is installed in version 3 or newer, and freezegun elsewhere.
    """
    return None if name == "none" else LazyFreezer(name)


class LazyFreezer:
    """Chooses and loads a freezer when it is needed: most tests never move time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._freezer: Freezer | None = None

    def start(self, clock: Clock) -> None:
        """See ``Freezer.start``. Raises MissingExtra for a library that is not installed."""
        self._freezer = _load(self._name)
        self._freezer.start(clock)

    def moved(self, clock: Clock) -> None:
        """See ``Freezer.moved``."""
        if self._freezer is not None:
            self._freezer.moved(clock)

    def stop(self) -> None:
        """See ``Freezer.stop``."""
        if self._freezer is not None:
            self._freezer.stop()


def _load(name: str) -> Freezer:
    if name == "time-machine" and not has_time_machine():
        raise MissingExtra("time-machine", "time-machine")
    # Where the user's own freezegun freezes already, time-machine would refuse to start.
    if name == "time-machine" or (name == "auto" and has_time_machine() and not _is_frozen()):
        from pytest_taskq.engine.time_machine import TimeMachineFreezer

        return TimeMachineFreezer()
    from pytest_taskq.engine.freezer import FreezegunFreezer

    return FreezegunFreezer()


@cache  # to read what is installed takes longer than to freeze
def has_time_machine() -> bool:
    """Whether it is installed, in a release that can be used: 3 or newer."""
    if find_spec("time_machine") is None:
        return False
    try:
        # The releases before 3 stop the clock that event loops wait by.
        return int(version("time-machine").partition(".")[0]) >= 3
    except (PackageNotFoundError, ValueError):
        return False


def _is_frozen() -> bool:
    freezegun: Any = sys.modules.get("freezegun.api")
    return freezegun is not None and bool(freezegun.freeze_factories)
