"""The jobs of all apps under test, from one moment to another."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pytest_taskq.core.errors import describe_names
from pytest_taskq.engine.clock import Clock
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
        known: list[str] = []
        for app in self._environment.apps:
            task = pattern.task
            name = task if isinstance(task, str) else app.name_of(task)
            info = None if name is None else self._environment.seen(app).task(name)
            if info is not None:
                pattern.expected(info)
                return ""
            known += app.tasks()
        if isinstance(pattern.task, str) and get_close_matches(pattern.task, known, cutoff=0.7):
            return f"There is no task {pattern.task!r}. {describe_names(pattern.task, known)}"
        return ""

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
            found.sort(key=lambda each: each.at)
        return [each.job for each in found]
