"""What happened to the jobs of a test, in order, as records and as text.

Nothing is read before it is asked for: a test that passes pays nothing.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

from pytest_taskq.engine.history import Event
from pytest_taskq.testing.moments import AppShown, Moment, Teller
from pytest_taskq.testing.redact import Redaction

__all__ = ["Moment", "Timeline", "timeline"]


def timeline(apps: Sequence[AppShown], redaction: Redaction | None = None) -> Timeline:
    """What has happened in these apps until now."""
    return Timeline(apps, redaction)


class Timeline:
    """The moments of a test up to when this was made: text by ``str``, records by iteration.

    Renewals of leases are left out: they change nothing for a job.

        assert [moment.event for moment in taskq.timeline()] == ["enqueue", "start", "done"]
        print(taskq.timeline())
    """

    def __init__(self, apps: Sequence[AppShown], redaction: Redaction | None = None) -> None:
        apps = [app for app in apps if len(app.history)] or apps[:1]
        names = _names(apps)
        redaction = redaction or Redaction()
        self.tellers = tuple(
            Teller(app, name, redaction) for app, name in zip(apps, names, strict=True)
        )

    def __iter__(self) -> Iterator[Moment]:
        return (teller.moment(event) for teller, event in self.events())

    def __len__(self) -> int:
        return sum(1 for _ in self.events())

    def __str__(self) -> str:
        return self.text()

    def text(self, most: int | None = None, *, clock: bool = True) -> str:
        """The moments as lines, repeats folded, and what is still waiting.

        ``most``: so many lines at most; the middle is left out. ``clock``: whether what waits
        is told with what the clock does.
        """
        from pytest_taskq.testing._timeline_text import lines_of, waiting_line

        waiting = waiting_line(self.tellers, clock=clock)
        return "\n".join([*lines_of(self, most), *([waiting] if waiting else [])])

    def events(self) -> Iterator[tuple[Teller, Event]]:
        """The events behind the moments, all apps in one order."""
        if len(self.tellers) == 1:
            (teller,) = self.tellers
            return ((teller, event) for event in teller.events())
        each = (_with(teller) for teller in self.tellers)
        return heapq.merge(*each, key=lambda pair: (pair[1].at, pair[1].order))


def _names(apps: Sequence[AppShown]) -> list[str]:
    """What tells the apps apart: nothing for one, the library, or its number of several alike."""
    if len(apps) == 1:
        return [""]
    libraries = [app.library for app in apps]
    return [
        f"{library}{libraries[:position].count(library) + 1}"
        if libraries.count(library) > 1
        else library
        for position, library in enumerate(libraries)
    ]


def _with(teller: Teller) -> Iterator[tuple[Teller, Event]]:
    return ((teller, event) for event in teller.events())
