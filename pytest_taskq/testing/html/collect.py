"""What the page shows of one test, as plain data that can be sent to another process."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice
from typing import Any

from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import Job, JobId
from pytest_taskq.engine.history import Event
from pytest_taskq.testing.evidence import traceback_of
from pytest_taskq.testing.moments import NOTHING_TOLD, AppShown, Teller
from pytest_taskq.testing.redact import Redaction
from pytest_taskq.testing.text import clip
from pytest_taskq.testing.timeline import Timeline

__all__ = ["collect"]

MOST = 3_000  # events; of a longer test the middle is left out
TRACE = 4_000  # characters

Key = tuple[str, JobId]


def collect(apps: Sequence[AppShown], redaction: Redaction | None = None) -> dict[str, Any]:
    """The jobs and events of these apps until now. Instants are microseconds after ``start``."""
    told = Timeline(apps, redaction)
    if not len(told):
        return {}
    count = len(told)
    events = told.events()
    if count > MOST:
        shown = list(islice(events, MOST // 2))
        shown += islice(events, count - MOST, None)
    else:
        shown = list(events)
    start = shown[0][1].at
    clock = apps[0].clock
    return {
        "start": to_datetime(start).isoformat(),
        "now": clock.now() - start,
        "clock": clock.mode,
        "left": count - len(shown),
        "jobs": _jobs(told, shown, start),
        "events": [_event(teller, event, start) for teller, event in shown],
    }


def _jobs(told: Timeline, shown: Sequence[tuple[Teller, Event]], start: int) -> dict[str, Any]:
    """Each job that something is shown of, as it was at first and as it is now."""
    wanted = {(teller.name, event.job.id) for teller, event in shown}
    first: dict[Key, tuple[Teller, Job]] = {}
    for teller, event in shown:
        first.setdefault((teller.name, event.job.id), (teller, event.job))
    now = {
        (teller.name, job.id): job
        for teller in told.tellers
        for job in chain((event.job for event in teller.events()), teller.app.jobs())
        if (teller.name, job.id) in wanted
    }
    return {
        teller.number(job.id): _job(teller, job, now[key], start)
        for key, (teller, job) in first.items()
    }


def _job(teller: Teller, job: Job, now: Job, start: int) -> dict[str, Any]:
    told = teller.told(job)
    return {
        "task": job.task,
        "call": teller.call(job, 80),
        "arguments": teller.redaction.plain(told or NOTHING_TOLD, teller.info(job)),
        "queue": job.queue,
        "priority": 0 if told is None else told.priority,
        "key": None if told is None or told.key is None else str(told.key),
        "cause": None if job.parent is None else teller.number(job.parent),
        "created": job.created_at - start,
        "due": now.due_at - start,
        "state": str(now.state),
    }


def _event(teller: Teller, event: Event, start: int) -> dict[str, Any]:
    moment = teller.moment(event)
    said: dict[str, Any] = {
        "at": event.at - start,
        "event": moment.event,
        "job": teller.number(moment.job),
        "actor": moment.actor,
        "attempt": moment.attempt,
    }
    if moment.event != "enqueue" and moment.detail:
        said["detail"] = moment.detail
    if moment.error is not None:
        said["error"] = moment.error
    if moment.due is not None:
        said["due"] = event.job.due_at - start
    if event.error is not None and event.job.failure is not None:
        trace = "\n".join(traceback_of(event.error, event.job.failure))
        said["trace"] = clip(teller.clean(trace, event.job), TRACE)
    return said
