"""What a failed test says of its queues: state, timeline, and the errors of the jobs."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence

from pytest_taskq.core.job import Failure, Job, State
from pytest_taskq.core.payload import decode_call
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.under_test import TaskInfo, Told
from pytest_taskq.testing.births import Birth, Births
from pytest_taskq.testing.describe import describe_clock, instant_text, user_part
from pytest_taskq.testing.known import known
from pytest_taskq.testing.misfit import is_misfit
from pytest_taskq.testing.moments import AppShown, Teller
from pytest_taskq.testing.redact import Redaction
from pytest_taskq.testing.text import in_one_line, plural
from pytest_taskq.testing.timeline import Timeline

__all__ = ["QueueAlone", "describe_apps", "describe_queue", "traceback_of"]

SHOWN = 20
LINES = 60


def describe_queue(queue: Queue) -> str:
    """The clock, the jobs with their states, and the errors of those that failed."""
    app, redaction = known(queue.history)
    return describe_apps([app or QueueAlone(queue)], redaction, timeline=False)


def describe_apps(
    apps: Sequence[AppShown], redaction: Redaction | None = None, *, timeline: bool = True
) -> str:
    """The clock, how many jobs in which state, and the errors of those that failed.

    Between them the timeline and what still waits; without ``timeline``, the jobs one by one.
    """
    told = Timeline(apps, redaction)
    if not told.tellers:
        return ""
    lines = [describe_clock(told.tellers[0].app.clock)]
    for teller in told.tellers:
        jobs = teller.app.jobs()
        lines.append(_counts(teller, jobs))
        if not timeline:
            lines += _job_lines(teller, jobs)
    if timeline and len(told):
        lines += ["", told.text(LINES, clock=False)]
    for teller in told.tellers:
        lines += _failures(teller)
    return "\n".join(lines)


class QueueAlone:
    """A queue without its app, in front of the harness: only to be told about."""

    library = "queue"

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self.clock = queue.clock
        self.history = queue.history

    def tasks(self) -> Mapping[str, TaskInfo]:
        """None is known."""
        return {}

    def tell(self, job: Job) -> Told:
        """See ``AppUnderTest.tell``."""
        args, kwargs = decode_call(job.payload)
        chosen = None if job.labels.get("fresh_key") else job.key
        return Told(args, kwargs, job.priority, chosen)

    def jobs(self) -> Sequence[Job]:
        """See ``AppUnderTest.jobs``."""
        return self._queue.sync(self._queue.find())


def _counts(teller: Teller, jobs: Sequence[Job]) -> str:
    name = f"{teller.name}: " if teller.name else ""
    if not jobs:
        none = "" if len(teller.app.history) else ": no job was enqueued"
        return f"{name}The queue is empty{none}."
    counts = {state: sum(job.state is state for job in jobs) for state in State}
    parts = [f"{count} {state}" for state, count in counts.items() if count]
    return f"{name}{plural(len(jobs), 'job')}: {', '.join(parts)}."


def _job_lines(teller: Teller, jobs: Sequence[Job]) -> Iterator[str]:
    left = len(jobs) - SHOWN
    for position, job in enumerate(jobs):
        if left > 0 and position == SHOWN // 2:
            yield f"  ... {left} more ..."
        if left <= 0 or not SHOWN // 2 <= position < SHOWN // 2 + left:
            yield _job_line(teller, job)


def _job_line(teller: Teller, job: Job) -> str:
    told = teller.told(job)
    parts = [f"  {teller.number(job.id)}", teller.call(job), str(job.state)]
    if job.attempt:
        parts.append(f"attempt {job.attempt}")
    if job.state is State.QUEUED and job.due_at > teller.app.clock.now():
        parts.append(f"due at {instant_text(job.due_at)}")
    if job.queue != "default":
        parts.append(f"queue {job.queue}")
    if told is not None and told.key is not None:
        parts.append(f"key {in_one_line(told.key, str)}")
    if job.failure is not None:
        parts.append(teller.error(job, job.failure))
    return "  ".join(parts)


def _failures(teller: Teller) -> list[str]:
    """The traceback of the last failure of each job, the library's own frames left out."""
    last: dict[Birth, tuple[Job, Failure, BaseException]] = {}
    births = Births()
    for event in teller.events():
        birth = births.of(event)
        if event.error is not None and event.job.failure is not None:
            last[birth] = (event.job, event.job.failure, event.error)
    lines: list[str] = []
    for job, failure, error in list(last.values())[:SHOWN]:
        name = teller.number(job.id)
        lines += ["", f"Job {name} ({job.task}) failed in attempt {job.attempt}:"]
        if is_misfit(teller.app, job, error):
            told = traceback.format_exception_only(error)
        else:
            told = traceback_of(error, failure)
        lines += ["  " + teller.clean(line.rstrip(), job) for line in told]
    return lines


def traceback_of(error: BaseException, failure: Failure) -> list[str]:
    """The traceback from the first frame on that is the user's own."""
    place = user_part(error.__traceback__)
    try:
        text = "".join(traceback.format_exception(type(error), error, place))
    except Exception:  # noqa: BLE001 - its own message cannot be shown; the failure says so
        text = ""
    return (text if text and place is not None else failure.traceback).rstrip().splitlines()
