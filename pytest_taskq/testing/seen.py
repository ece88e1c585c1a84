"""A job as a test sees it: what was enqueued, what happened to it, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import FINAL, Failure, Job, JobId, State
from pytest_taskq.core.payload import decode_value
from pytest_taskq.engine.history import Event
from pytest_taskq.testing.binding import parameters_of
from pytest_taskq.testing.looked import Looked
from pytest_taskq.testing.matching import (
    JobPattern,
    Mismatch,
    compare,
    unreadable,
)
from pytest_taskq.testing.redact import Redaction

if TYPE_CHECKING:
    from pytest_taskq.engine.under_test import AppUnderTest, TaskInfo, Told

__all__ = ["Comparison", "SeenApp", "SeenJob"]

WIDTH = 60


class Comparison(NamedTuple):
    """A job beside a pattern, field by field; ``related``: it is at least of the same task."""

    related: bool
    fields: list[Mismatch]

    @property
    def matches(self) -> bool:
        """Whether nothing differs."""
        return self.related and all(each.ok for each in self.fields)


class SeenApp:
    """An app whose jobs are looked at, which exceptions of theirs were, and how to show them."""

    def __init__(self, app: AppUnderTest, looked: Looked, redaction: Redaction) -> None:
        self.app = app
        self.looked = looked
        self.redaction = redaction
        self._tasks: Mapping[str, TaskInfo] = {}

    def task(self, name: str) -> TaskInfo | None:
        """The task of that name, as the app told it when it was first asked for."""
        try:
            return self._tasks[name]
        except KeyError:  # to tell all of them takes longer than to match a job
            self._tasks = self.app.tasks()
            return self._tasks.get(name)


class SeenJob:
    """A job: as it was enqueued, what happened to it, and what it is now.

    ``events`` are its part of the history, in which it was enqueued first. What is read from
    ``error`` counts as looked at.
    """

    def __init__(
        self, owner: SeenApp, events: list[Event], arguments: _Arguments | None = None
    ) -> None:
        self._owner = owner
        self._app = owner.app
        self._looked = owner.looked
        self.events = events
        self.first = events[0].job
        self.stored: Job | None = None
        self._arguments = arguments or _Arguments(owner, self.first)

    @classmethod
    def of(cls, owner: SeenApp, job: Job) -> SeenJob:
        """A job of which only the present record is known."""
        return cls.since(owner, [Event(job.created_at, "enqueue", job)])

    @classmethod
    def since(cls, owner: SeenApp, events: list[Event]) -> SeenJob:
        """A job of which all events are known, and that is in the store as the last one says."""
        seen = cls(owner, events)
        seen.stored = events[-1].job
        return seen

    def as_now(self) -> SeenJob:
        """The same, which stays as it is: what happens next is not added to it."""
        seen = SeenJob(self._owner, [*self.events], self._arguments)
        seen.stored = self.stored
        return seen

    @property
    def job(self) -> Job:
        """The engine's record, as it is now."""
        return self.stored or self.events[-1].job

    @property
    def id(self) -> JobId:
        """The number under which its queue keeps it."""
        return self.first.id

    @property
    def task(self) -> str:
        """The name of its task."""
        return self.first.task

    @property
    def queue(self) -> str:
        """The queue that it was enqueued to."""
        return self.first.queue

    @cached_property
    def told(self) -> Told:
        """The job in the words of its library."""
        return self._app.tell(self.first)

    @cached_property
    def args(self) -> Mapping[str, Any]:
        """Its arguments by parameter, without defaults that nobody gave."""
        return _by_parameter(self.told, self._owner.task(self.task), defaults=False)

    @property
    def priority(self) -> int:
        """Its priority, as its library counts."""
        return self.told.priority

    @property
    def key(self) -> str | None:
        """The key that somebody chose for it."""
        return self.told.key

    @property
    def at(self) -> datetime:
        """When it was due first."""
        return to_datetime(self.first.due_at)

    @property
    def enqueued_at(self) -> datetime:
        """When it was enqueued."""
        return to_datetime(self.first.created_at)

    @property
    def due_at(self) -> datetime:
        """When it is due now, after retries."""
        return to_datetime(self.job.due_at)

    @property
    def started_at(self) -> datetime | None:
        """When its last attempt began."""
        return _text(self.job.started_at)

    @property
    def finished_at(self) -> datetime | None:
        """When it ended for good."""
        return _text(self.job.finished_at) if self.job.state in FINAL else None

    @property
    def state(self) -> str:
        """queued, running, succeeded, dead or cancelled; deleted, if it was before it ended."""
        job = self.job
        return "deleted" if self.stored is None and job.state not in FINAL else str(job.state)

    @property
    def attempts(self) -> int:
        """How many attempts have begun."""
        return self.job.attempt

    @property
    def automatic(self) -> bool:
        """Whether its app has enqueued it by itself, as a tick of a periodic task."""
        info = self._owner.task(self.task)
        return info is not None and info.automatic(self.first)

    @property
    def parent(self) -> JobId | None:
        """The job whose task enqueued this one."""
        return self.first.parent

    @property
    def result(self) -> Any:
        """What its task returned; None before that."""
        return None if self.job.result is None else decode_value(self.job.result)

    @property
    def error(self) -> BaseException | Failure | None:
        """What its last attempt raised; as text where that was in another process."""
        if self.job.failure is None:
            return None
        for event in reversed(self.events):
            if event.error is not None:
                error: BaseException = event.error
                self._looked.add(error, event.job)
                return error
        return self.job.failure

    def is_in(self, state: str) -> bool:
        """Whether it is in this state, or as one says of a queued job: scheduled, retrying."""
        if state not in {"retrying", "scheduled", "ready"}:
            return state == self.state
        queued = self.state == State.QUEUED
        if state == "retrying":
            return queued and self.attempts > 0
        return queued and (self.job.due_at > self._app.clock.now()) == (state == "scheduled")

    def look(self) -> None:
        """The test was shown how its attempts ended."""
        for _, _, job, _, _, error, _ in self.events:
            self._looked.add(error, job)

    def compare(self, pattern: JobPattern) -> Comparison:
        """What the pattern expects, beside what the job is."""
        if not pattern.is_of(self._app, self.task):
            return Comparison(False, [])
        info = self._owner.task(self.task)
        try:
            expected = pattern.expected(info)
        except BadOption:  # another app's task of this name takes what the pattern has
            return Comparison(False, [])
        if not expected:  # most patterns name a task alone, and to bind arguments takes its time
            return Comparison(True, [])
        try:
            fields = compare(expected, self._arguments.by_parameter(info))
        except Exception as error:  # noqa: BLE001 - the other jobs of the task can be compared
            fields = unreadable(expected, error)
        return Comparison(True, fields)

    def __repr__(self) -> str:
        return f"#{self.id} {self.task}{self._shown_arguments()}"

    def _shown_arguments(self) -> str:
        try:
            told = self.told
        except Exception:  # noqa: BLE001 - a report must not fail on what it reports
            return "(?)"
        return self._owner.redaction.arguments(told, self._owner.task(self.task), WIDTH)


class _Arguments:
    """What a job was enqueued with, as patterns are compared with it: read once for all of them."""

    def __init__(self, owner: SeenApp, job: Job) -> None:
        self._owner = owner
        self._job = job
        self._read: tuple[TaskInfo | None, dict[str, Any]] | None = None

    def by_parameter(self, info: TaskInfo | None) -> Mapping[str, Any]:
        """The arguments by parameter of its task, with defaults.

        Raises for a payload that cannot be read.
        """
        if self._read is None or self._read[0] is not info:
            told = self._owner.app.tell(self._job)
            self._read = info, _by_parameter(told, info, defaults=True)
        return self._read[1]


def _by_parameter(told: Told, info: TaskInfo | None, *, defaults: bool) -> dict[str, Any]:
    parameters = parameters_of(info)
    if parameters is not None:
        try:
            return parameters.bind(told.args, told.kwargs, defaults=defaults)
        except TypeError:  # what its task cannot take is shown as it was given
            pass
    return {**{f"args[{at}]": each for at, each in enumerate(told.args)}, **told.kwargs}


def _text(instant: int | None) -> datetime | None:
    return None if instant is None else to_datetime(instant)
