"""The jobs of all apps under test, from one moment to another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pytest_taskq.engine.clock import Clock
from pytest_taskq.testing.homes import check_pattern
from pytest_taskq.testing.matching import JobPattern
from pytest_taskq.testing.reading import Found, Reading, as_now
from pytest_taskq.testing.seen import SeenJob
from pytest_taskq.testing.text import plural

if TYPE_CHECKING:
    from pytest_taskq.testing.environment import Environment

__all__ = ["Since"]


class Since:
    """The jobs of a test from certain places of its histories on, until ``end``.

    ``block``: what the user may have entered too late, "the block"; empty for nothing.
    """

    def __init__(self, environment: Environment, begin: dict[int, int], *, block: str = "") -> None:
        self._environment = environment
        self._begin = begin
        self._block = block
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
        return self._environment.unawaited.told()

    def before(self, is_wanted: Callable[[SeenJob], bool]) -> str:
        """See ``Source``."""
        if not self._block:
            return ""
        jobs = self._jobs(lambda reading: reading.enqueued, {}, self._begin)
        count = sum(map(is_wanted, jobs))
        were = "was" if count == 1 else "were"
        told = f"\n{plural(count, 'such job')} {were} enqueued before {self._block}"
        return told if count else ""

    def enqueued(self) -> list[SeenJob]:
        """See ``Source``."""
        return self._jobs(lambda reading: reading.enqueued, self._begin, self._end)

    def executed(self) -> list[SeenJob]:
        """See ``Source``."""
        return self._jobs(lambda reading: reading.started, self._begin, self._end)

    def _jobs(
        self,
        part: Callable[[Reading], list[Found]],
        begin: Mapping[int, int],
        end: Mapping[int, int] | None,
    ) -> list[SeenJob]:
        apps = self._environment.apps
        found: list[Found] = []
        for app in apps:
            first = begin.get(id(app), 0)
            last = len(app.history) if end is None else end.get(id(app), 0)
            told = part(self._environment.reading(app))
            found += [each for each in told if first <= each.place < last]
        if len(apps) > 1:
            found.sort(key=lambda each: each.when)
        return as_now(found)
