"""The jobs of all apps under test, from one moment to another."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pytest_taskq.engine.clock import Clock
from pytest_taskq.testing.homes import check_pattern
from pytest_taskq.testing.matching import JobPattern
from pytest_taskq.testing.seen import Found, Reading, SeenJob

if TYPE_CHECKING:
    from pytest_taskq.testing.environment import Environment

__all__ = ["Since"]


class Since:
    """The jobs of a test from certain places of its histories on, until ``end``."""

    def __init__(self, environment: Environment, begin: dict[int, int]) -> None:
        self._environment = environment
        self._begin = begin
        self._end: dict[int, int] | None = None

    @property
    def clock(self) -> Clock:
        """See ``Source``."""
        return self._environment.clock

    def end(self) -> None:
        """What happens from now on is not meant any more."""
        self._end = {id(app): len(app.history) for app in self._environment.apps}

    def check(self, pattern: JobPattern) -> str:
        """See ``Source``."""
        return check_pattern(self._environment.apps, pattern)

    def hint(self) -> str:
        """See ``Source``."""
        calls = self._environment.unawaited.calls
        return f"\n{calls[0].not_awaited()}" if calls else ""

    def enqueued(self) -> list[SeenJob]:
        """See ``Source``."""
        return self._between(lambda reading: reading.enqueued)

    def executed(self) -> list[SeenJob]:
        """See ``Source``."""
        return self._between(lambda reading: reading.started)

    def _between(self, part: Callable[[Reading], list[Found]]) -> list[SeenJob]:
        found: list[Found] = []
        for app in self._environment.apps:
            begin = self._begin.get(id(app), 0)
            end = len(app.history) if self._end is None else self._end.get(id(app), 0)
            reading = Reading(self._environment.seen(app))
            found += [each for each in part(reading) if begin <= each.place < end]
        if len(self._environment.apps) > 1:
            found.sort(key=lambda each: each.when)
        return [each.job for each in found]
