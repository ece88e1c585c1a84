"""What happened in one app, event by event, as records for tests and words for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import Protocol

from pytest_taskq.core.instants import SECOND, Instant, to_datetime
from pytest_taskq.core.job import Failure, Job, JobId, State
from pytest_taskq.core.outcome import Cancelled, Failed, Snoozed, Succeeded
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.history import Event, History
from pytest_taskq.engine.under_test import TaskInfo, Told
from pytest_taskq.testing.births import Birth, Births
from pytest_taskq.testing.redact import Redaction
from pytest_taskq.testing.text import in_one_line, length_text

__all__ = [
    "NOTHING_TOLD",
    "AppShown",
    "Moment",
    "Teller",
    "attempt_of",
    "due_after",
    "failure_of",
    "word_for",
]

NOTHING_TOLD = Told((), {}, 0, None)
NO_CAUSE = (0, "?")


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened to a job.

    ``actor``: "test", the name of a worker, or the job ("#2 charge") that did it; empty where
    nobody knows. ``event``: "enqueue", "start", "done", "fail", "snooze", "cancel", "release",
    "lapse", "late" or "requeue". ``cause``: the job whose task enqueued this one; ``depth``: how
    many stand between it and the test. ``due``: when the job is to run next. ``app``: the
    library, where the test has several apps, for their jobs have the same ids.
    """

    at: datetime
    actor: str
    event: str
    job: JobId
    task: str
    attempt: int
    cause: JobId | None = None
    depth: int = 0
    detail: str = ""
    error: str | None = None
    due: datetime | None = None
    app: str = ""


class AppShown(Protocol):
    """As much of an ``AppUnderTest`` as it takes to tell of it."""

    @property
    def library(self) -> str:
        """See ``AppUnderTest``."""

    @property
    def clock(self) -> Clock:
        """See ``AppUnderTest``."""

    @property
    def history(self) -> History:
        """See ``AppUnderTest``."""

    def tasks(self) -> Mapping[str, TaskInfo]:
        """See ``AppUnderTest``."""

    def tell(self, job: Job) -> Told:
        """See ``AppUnderTest``."""

    def jobs(self) -> Sequence[Job]:
        """See ``AppUnderTest``."""


class Teller:
    """Says in words what happened in one app."""

    def __init__(self, app: AppShown, name: str, redaction: Redaction) -> None:
        self.app = app
        self.name = name
        self.redaction = redaction
        self._length = len(app.history)

    def events(self) -> Iterator[Event]:
        """What is told of."""
        history = islice(self.app.history, self._length)
        return (event for event in history if event.verb != "renew")

    def depth(self, job: Job) -> int:
        """How many jobs stand between that of a record and the test."""
        return self._causes.get(id(job), NO_CAUSE)[0]

    def cause(self, job: Job) -> str:
        """The task of the job that enqueued that of a record."""
        return self._causes.get(id(job), NO_CAUSE)[1]

    @cached_property
    def _causes(self) -> dict[int, tuple[int, str]]:
        """By record, which the history keeps: jobs may have had the same number before."""
        births = Births()
        tasks: dict[Birth, str] = {}
        causes: dict[Birth, tuple[int, str]] = {}
        found: dict[int, tuple[int, str]] = {}
        for event in self.events():
            birth, parent = births.of(event), event.job.parent
            tasks[birth] = event.job.task
            if birth not in causes:
                above = None if parent is None else births.latest(parent)
                depth = 0 if above is None else causes.get(above, NO_CAUSE)[0] + 1
                causes[birth] = (depth, "?" if above is None else tasks.get(above, "?"))
            found[id(event.job)] = causes[birth]
        return found

    def number(self, job_id: JobId) -> str:
        """What a job is called."""
        return f"{self.name}#{job_id}"

    def actor(self, event: Event) -> str:
        """Who did it."""
        if event.verb != "enqueue":
            return event.worker or ""
        parent = event.job.parent
        return "test" if parent is None else f"{self.number(parent)} {self.cause(event.job)}"

    def told(self, job: Job) -> Told | None:
        """The job in the library's words; None when it cannot be read."""
        try:
            return self.app.tell(job)
        except Exception:  # noqa: BLE001 - a report must not fail on what it reports
            return None

    def info(self, job: Job) -> TaskInfo | None:
        """The job's task, if it is registered."""
        return self._registered.get(job.task)

    @cached_property
    def _registered(self) -> Mapping[str, TaskInfo]:
        return self.app.tasks()

    def call(self, job: Job, width: int = 50) -> str:
        """The task and its arguments, without secrets."""
        told = self.told(job)
        if told is None:
            return f"{job.task}(?)"
        return job.task + self.redaction.arguments(told, self.info(job), width)

    def error(self, job: Job, failure: Failure) -> str:
        """A failure in one line, without secrets."""
        message = in_one_line(self.clean(failure.message, job), str)
        kind = failure.type_name.rpartition(".")[2]
        return f"{kind}: {message}".removesuffix(": ")

    def clean(self, text: str, job: Job) -> str:
        """A text about a job, without the secrets in its arguments."""
        return self.redaction.text(text, self.told(job) or NOTHING_TOLD, self.info(job))

    def moment(self, event: Event) -> Moment:
        """The event as a record."""
        job = event.job
        failure = failure_of(event)
        due = due_after(event)
        return Moment(
            at=to_datetime(event.at),
            actor=self.actor(event),
            event=word_for(event),
            job=job.id,
            task=job.task,
            attempt=attempt_of(event),
            cause=job.parent,
            depth=self.depth(job),
            detail=self.detail(event),
            error=None if failure is None else self.error(job, failure),
            due=None if due is None else to_datetime(due),
            app=self.name,
        )

    def detail(self, event: Event) -> str:
        """What there is to say besides: a new job's arguments and options, or how it went on."""
        job, outcome, word = event.job, event.outcome, word_for(event)
        if word == "enqueue":
            return " ".join([self.call(job).removeprefix(job.task), *self._options(job)])
        if word == "start":
            late = event.at - job.due_at
            return f"{length_text(late)} after it was due" if late >= SECOND else ""
        if word == "done":
            took = event.at - (job.started_at or event.at)
            return f"took {length_text(took)}" if took else ""
        if word in {"fail", "lapse"}:
            return "" if job.state is State.QUEUED else str(job.state)
        if word == "late":
            return "its outcome is dropped: the lease was lost"
        if word == "cancel" and job.state is State.RUNNING:
            return "asked to stop"
        return (outcome.reason or "") if isinstance(outcome, Snoozed | Cancelled) else ""

    def _options(self, job: Job) -> Iterator[str]:
        told = self.told(job) or NOTHING_TOLD
        if job.queue != "default":
            yield f"queue={job.queue}"
        if told.priority:
            yield f"priority={told.priority}"
        if told.key is not None:
            yield f"key={in_one_line(told.key, str)}"


def word_for(event: Event) -> str:
    """The verb of an event as people say it."""
    if event.verb == "claim":
        return "start"
    if event.verb == "expire":
        return "lapse"
    if event.verb != "finish":
        return event.verb
    match event.outcome:
        case Succeeded():
            return "done"
        case Failed():
            return "fail"
        case Snoozed():
            return "snooze" if event.job.state is State.QUEUED else "cancel"
        case _:
            return "cancel"


def failure_of(event: Event) -> Failure | None:
    """How an attempt failed, if it did."""
    if isinstance(event.outcome, Failed):
        return event.outcome.failure
    return event.job.failure if event.verb == "expire" else None


def attempt_of(event: Event) -> int:
    """Which attempt an event belongs to; a job that was put back has its attempt given back."""
    outcome = event.outcome
    given_back = event.verb == "release" or (isinstance(outcome, Snoozed) and not outcome.counts)
    back = given_back and event.verb != "late" and event.job.state is State.QUEUED
    return event.job.attempt + (1 if back else 0)


def due_after(event: Event) -> Instant | None:
    """When a job is to run (again), where the event put that into the future or the queue."""
    job = event.job
    if job.state is not State.QUEUED or event.verb in {"late", "requeue", "release"}:
        return None
    return job.due_at if event.verb != "enqueue" or job.due_at > event.at else None
