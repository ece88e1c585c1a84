"""Which registered tasks no test performed, and which outcomes of theirs nobody has seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pytest_taskq.core.job import State
from pytest_taskq.engine.history import Event
from pytest_taskq.engine.under_test import TaskInfo
from pytest_taskq.testing.moments import AppShown
from pytest_taskq.testing.text import plural

__all__ = ["Coverage", "tasks_of"]

OUTCOMES = ("success", "retry", "dead", "cancelled")
PERFORMED = "performed"
RETRIES = "retries"
ENDED = {
    State.SUCCEEDED: "success",
    State.DEAD: "dead",
    State.CANCELLED: "cancelled",
    State.QUEUED: "retry",
}

Seen = dict[str, dict[str, list[str]]]
"""By library and task: its outcomes, whether it was performed, and whether it may be retried."""


def tasks_of(apps: Sequence[AppShown]) -> Seen:
    """The tasks of a test's apps, and what was seen of each; plain data."""
    found: dict[str, dict[str, set[str]]] = {}
    for app in apps:
        tasks = found.setdefault(app.library, {})
        for name, info in app.tasks().items():
            if not _is_the_library_s(info, app.library):
                tasks.setdefault(name, set()).update([RETRIES] if info.delay is not None else [])
        for event in app.history:
            if event.job.task in tasks:
                tasks[event.job.task].update(_seen(event))
    return {
        library: {name: sorted(seen) for name, seen in tasks.items()}
        for library, tasks in found.items()
    }


@dataclass
class Coverage:
    """What the tests of a run have seen of the tasks that were registered in any of them."""

    tasks: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    def add(self, seen: Seen) -> None:
        """One more test."""
        for library, tasks in seen.items():
            for name, outcomes in tasks.items():
                self.tasks.setdefault((library, name), set()).update(outcomes)

    def lines(self) -> Iterator[str]:
        """The report: tasks by name, those that were never performed first."""
        if not self.tasks:
            yield "No test had an app with registered tasks."
            return
        never = [task for task in sorted(self.tasks) if PERFORMED not in self.tasks[task]]
        yield (
            f"{len(never)} of {plural(len(self.tasks), 'registered task')} never performed"
            f"{':' if never else '.'}"
        )
        yield from (f"  {library}  {name}" for library, name in never)
        missing = {task: self._missing(task) for task in sorted(self.tasks) if task not in never}
        missing = {task: outcomes for task, outcomes in missing.items() if outcomes}
        if len(never) < len(self.tasks):
            yield f"Outcomes never seen{':' if missing else ': none.'}"
        width = max((len(name) for _, name in missing), default=0)
        for (library, name), outcomes in missing.items():
            yield f"  {library}  {name:<{width}}  {', '.join(outcomes)}"

    def _missing(self, task: tuple[str, str]) -> list[str]:
        seen = self.tasks[task]
        missing = [outcome for outcome in OUTCOMES if outcome not in seen]
        return [outcome for outcome in missing if outcome != "retry" or RETRIES in seen]


def _is_the_library_s(info: TaskInfo, library: str) -> bool:
    """Whether a task is one that the library brings along, and no test need perform."""
    package = getattr(info.function, "__module__", "").partition(".")[0]
    return package in {"pytest_taskq", library}


def _seen(event: Event) -> Iterator[str]:
    if event.verb == "claim":
        yield PERFORMED
    elif event.verb in {"finish", "expire"} and event.job.state in ENDED:
        snoozed = event.job.state is State.QUEUED and event.job.failure is None
        if not snoozed:
            yield ENDED[event.job.state]
    elif event.verb == "cancel" and event.job.state is State.CANCELLED:
        yield "cancelled"
