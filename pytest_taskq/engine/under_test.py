"""What an app tells the harness that tests it: its tasks, its jobs, and how they are run.

A facade, and the adapter of a real app, each has one object like this; the harness knows no
other way to a queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from pytest_taskq.core.job import Job
from pytest_taskq.core.schedule import Schedule
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.history import History
from pytest_taskq.engine.queue import Queue

__all__ = [
    "UNBOUNDED",
    "AppUnderTest",
    "Call",
    "Bounds",
    "OfFunctions",
    "OnQueue",
    "TaskInfo",
    "Told",
    "name_by_module",
    "until_one_ends",
]


NO_ARGUMENTS: Mapping[str, Any] = MappingProxyType({})


class TaskInfo(NamedTuple):
    """A registered task.

    ``function`` is the user's, for the names of its parameters; ``given`` are those that the
    library fills in itself, such as a context or a dependency. ``delay`` says how long after
    the failure of an attempt (1, 2, ...) the next one is due; None when there is none.
    ``schedule``: of a periodic task. ``automatic``: whether a job of the task was enqueued by the
    app itself; the test may have enqueued others.
    """

    name: str
    function: Callable[..., Any] | None = None
    given: frozenset[str] = frozenset()
    delay: Callable[[int, BaseException], timedelta | None] | None = None
    schedule: Schedule | None = None
    automatic: Callable[[Job], bool] = lambda _job: False


class Told(NamedTuple):
    """A job in the words of its library: what was decoded, and what it calls its options.

    ``key`` is None where nobody chose one.
    """

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    priority: int
    key: str | None


class Call(NamedTuple):
    """A job to enqueue: the options are those of the library, ``at`` microseconds UTC."""

    task: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = NO_ARGUMENTS
    at: int | None = None
    attempt: int = 1


class Bounds(NamedTuple):
    """How far a run goes: see the engine's ``Worker`` and its ``run_until_idle``.

    ``only`` says which jobs, ``ends`` when to stop, and with ``until`` time passes to that
    instant. What is None limits nothing.
    """

    attempts: int | None = None
    only: Callable[[Job], bool] | None = None
    ends: Callable[[], bool] | None = None
    until: int | None = None


UNBOUNDED = Bounds()


class AppUnderTest(Protocol):
    """An app in front of the harness."""

    @property
    def library(self) -> str:
        """Whose words it speaks, for messages: "docket"."""

    @property
    def clock(self) -> Clock:
        """The clock that its jobs are due by."""

    @property
    def history(self) -> History:
        """What happened to its jobs."""

    def tasks(self) -> Mapping[str, TaskInfo]:
        """The registered tasks by name."""

    def name_of(self, task: object) -> str | None:
        """The name under which jobs of this function or task object are enqueued.

        None for what no app of this library could have as a task.
        """

    def register(self, task: object) -> str | None:
        """Make a task known that is not, where scheduling it would do so, and give its name.

        None where the library refuses a task that nobody has registered.
        """

    def tell(self, job: Job) -> Told:
        """The job in the library's words. Raises when its payload cannot be read."""

    def jobs(self) -> Sequence[Job]:
        """Every job as it is now, oldest first; from sync code."""

    async def enqueue(self, call: Call) -> Job:
        """Enqueue as the library does, with its checks and its options for the task.

        ``attempt`` above 1: as if so many less one had failed.
        """

    async def run(self, bounds: Bounds = UNBOUNDED) -> int:
        """Run what is due, and what that enqueues, and say how many attempts that took.

        What tasks raise stays in the history.
        """

    async def forget(self, job: Job) -> None:
        """Take a job out of the queue, whatever it is by now."""

    async def run_forever(self, *, workers: int = 1) -> None:
        """Run live workers until cancelled; then let them end as the library does."""


class OnQueue:
    """What is the same for every ``AppUnderTest`` whose jobs are on one queue of the engine."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self.clock = queue.clock
        self.history = queue.history

    def register(self, task: object) -> str | None:  # noqa: ARG002 - for those who do
        """See ``AppUnderTest.register``. Most libraries refuse it."""
        return None

    def jobs(self) -> Sequence[Job]:
        """See ``AppUnderTest.jobs``."""
        return self._queue.sync(self._queue.find())

    async def forget(self, job: Job) -> None:
        """See ``AppUnderTest.forget``."""
        await self._queue.forget(job.id)


class Registry(Protocol):
    """Where a library keeps the functions that are its tasks."""

    @property
    def tasks(self) -> Mapping[str, Callable[..., Any]]:
        """The functions by name."""

    def register(self, function: Callable[..., Any]) -> object:
        """Make a function a task, under its own name."""


class OfFunctions:
    """What is the same where a function need not be registered to be scheduled."""

    _registry: Registry

    def name_of(self, task: object) -> str | None:
        """See ``AppUnderTest.name_of``."""
        for name, function in self._registry.tasks.items():
            if function is task:
                return name
        own = getattr(task, "__name__", None) if callable(task) else None
        return own if isinstance(own, str) else None

    def register(self, task: object) -> str | None:
        """See ``AppUnderTest.register``."""
        name = self.name_of(task)
        if name is None or not callable(task):
            return None
        self._registry.register(task)
        return name


def name_by_module(task: object) -> str | None:
    """The name that libraries make of a function: module and name. None for what has none."""
    module, name = (getattr(task, part, None) for part in ("__module__", "__name__"))
    return f"{module}.{name}" if callable(task) and module and name else None


async def until_one_ends(workers: Iterable[Coroutine[Any, Any, object]]) -> None:
    """Run live workers together until one ends or this is cancelled; then all are cancelled.

    Raises what the first one raised.
    """
    runs = [asyncio.ensure_future(worker) for worker in workers]
    try:
        done, _ = await asyncio.wait(runs, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
    done.pop().result()
