"""What the page shows of one test, as plain data that can be sent to another process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import Job
from pytest_taskq.engine.history import Event
from pytest_taskq.testing.births import Birth, Births
from pytest_taskq.testing.evidence import traceback_of
from pytest_taskq.testing.moments import NOTHING_TOLD, AppShown, Teller
from pytest_taskq.testing.redact import Redaction
from pytest_taskq.testing.text import clip
from pytest_taskq.testing.timeline import Timeline

__all__ = ["collect"]

MOST = 3_000  # events; of a longer test the middle is left out
TRACE = 4_000  # characters


def collect(apps: Sequence[AppShown], redaction: Redaction | None = None) -> dict[str, Any]:
    """The jobs and events of these apps until now. Instants are microseconds after ``start``."""
    told = Timeline(apps, redaction)
    if not len(told):
        return {}
    named = list(_named(told))
    left = max(len(named) - MOST, 0)
    shown = named[: MOST // 2] + named[MOST // 2 + left :]
    start = shown[0].event.at
    clock = apps[0].clock
    return {
        "start": to_datetime(start).isoformat(),
        "now": clock.now() - start,
        "clock": clock.mode,
        "left": left,
        "jobs": _jobs(told, named, shown, start),
        "events": [_event(each, start) for each in shown],
    }


class _Named(NamedTuple):
    """An event, and what the page calls its job and the cause of that."""

    teller: Teller
    event: Event
    job: str
    cause: str | None


def _named(told: Timeline) -> Iterator[_Named]:
    apps: dict[str, Births] = {}
    for teller, event in told.events():
        births = apps.setdefault(teller.name, Births())
        parent = event.job.parent
        cause = None if parent is None else _name(teller, births.latest(parent))
        yield _Named(teller, event, _name(teller, births.of(event)), cause)


def _name(teller: Teller, birth: Birth) -> str:
    job_id, turn = birth
    return teller.number(job_id) + (f" ({turn})" if turn > 1 else "")


def _jobs(
    told: Timeline, named: Sequence[_Named], shown: Sequence[_Named], start: int
) -> dict[str, Any]:
    """Each job that something is shown of, as it was at first and as it is now."""
    first: dict[str, _Named] = {}
    for each in shown:
        first.setdefault(each.job, each)
    now = {each.job: each.event.job for each in named}
    latest = {(each.teller.name, each.event.job.id): each.job for each in named}
    for teller in told.tellers:
        for job in teller.app.jobs():
            now[latest.get((teller.name, job.id), "")] = job
    return {name: _job(each, now[name], start) for name, each in first.items()}


def _job(first: _Named, now: Job, start: int) -> dict[str, Any]:
    teller, job = first.teller, first.event.job
    told = teller.told(job)
    return {
        "task": job.task,
        "call": teller.call(job, 80),
        "arguments": teller.redaction.plain(told or NOTHING_TOLD, teller.info(job)),
        "queue": job.queue,
        "priority": 0 if told is None else told.priority,
        "key": None if told is None or told.key is None else str(told.key),
        "cause": first.cause,
        "created": job.created_at - start,
        "due": now.due_at - start,
        "state": str(now.state),
    }


def _event(shown: _Named, start: int) -> dict[str, Any]:
    teller, event = shown.teller, shown.event
    moment = teller.moment(event)
    said: dict[str, Any] = {
        "at": event.at - start,
        "event": moment.event,
        "job": shown.job,
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
