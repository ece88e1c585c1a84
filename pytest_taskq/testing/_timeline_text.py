"""The lines of a timeline: columns, indentation by cause, and repeats folded into one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from pytest_taskq.core.instants import Instant, to_instant
from pytest_taskq.core.job import Job, State
from pytest_taskq.engine.history import Event
from pytest_taskq.testing.locked import behind
from pytest_taskq.testing.moments import (
    Moment,
    Teller,
    attempt_of,
    due_after,
    failure_of,
    word_for,
)
from pytest_taskq.testing.text import Times, clip, length_text
from pytest_taskq.testing.timeline import Timeline

WIDTH = 99
ACTOR = 22
DEEPEST = 4  # beyond it, lines are indented no further
FEW = 4  # so many alike, or rounds alike, are not folded
LONGEST_ROUND = 8
LOCKS = 2

Shown = int | str
"""A line of the text: a moment by its number, or words about those left out."""


def lines_of(timeline: Timeline, most: int | None = None) -> list[str]:
    """The timeline as lines of less than 100 columns, ``most`` at most."""
    items = list(timeline.events())
    plan = list(_fold(items))
    if most is not None and len(plan) > most:
        left = len(plan) - most + 1
        head = most // 3
        words = f"... {left:,} lines left out: taskq.timeline().text() has them"
        plan = [*plan[:head], words, *plan[len(plan) - (most - head - 1) :]]
    shown = {n: items[n][0].moment(items[n][1]) for n in plan if isinstance(n, int)}
    return list(_render(plan, shown, {n: items[n][0].number(m.job) for n, m in shown.items()}))


def waiting_line(tellers: Sequence[Teller], *, clock: bool = True) -> str:
    """What has not ended yet, and whether time can pass; empty when all is over."""
    if not tellers:
        return ""
    time = tellers[0].app.clock
    now = time.now()
    found = [(teller, teller.app.jobs()) for teller in tellers]
    jobs = [job for _, its in found for job in its]
    later = sorted(job.due_at for job in jobs if job.state is State.QUEUED and job.due_at > now)
    running = sum(job.state is State.RUNNING for job in jobs)
    parts = [f"{running:,} running"] if running else []
    parts += _due_parts(found, now)
    if later:
        first = Times([now, later[0]]).text(later[0], now)
        parts.append(f"{len(later):,} due later, the first at {first}")
    if parts and clock:
        parts.append(f"the clock is {time.mode}")
    return f"Waiting: {'; '.join(parts)}." if parts else ""


def _due_parts(found: Sequence[tuple[Teller, Sequence[Job]]], now: Instant) -> Iterator[str]:
    """How many are due, apart from each other those that wait for what another job has."""
    counts = Counter(
        None if each is None else f"{each.what} behind {teller.number(each.job)}"
        for teller, jobs in found
        for each in behind(jobs, now)
    )
    if free := counts.pop(None, 0):
        yield f"{free:,} due now"
    named = counts.most_common(LOCKS)
    others = counts.total() - sum(count for _, count in named)
    for what, count in [*named, *([("others", others)] if others else [])]:
        yield f"{count:,} due, but {'waits' if count == 1 else 'wait'} for {what}"


class _Group(NamedTuple):
    """Events in a row that look alike."""

    shape: int
    first: int
    size: int


def _fold(items: Sequence[tuple[Teller, Event]]) -> Iterator[Shown]:
    groups = _groups(items)
    at = 0
    while at < len(groups):
        size, rounds = _repeats(groups, at)
        if rounds <= FEW:
            yield from _folded(groups[at])
            at += 1
            continue
        count = sum(group.size for group in groups[at : at + size])
        for group in groups[at : at + size]:
            yield from _folded(group)
        yield f"... {rounds - 2:,} more rounds like these {count}"
        at += size * (rounds - 1)
        for group in groups[at : at + size]:
            yield from _folded(group)
        at += size


def _groups(items: Sequence[tuple[Teller, Event]]) -> list[_Group]:
    numbers: dict[object, int] = {}
    shapes = [numbers.setdefault(_shape(*item), len(numbers)) for item in items]
    groups: list[_Group] = []
    at = 0
    for shape, run in groupby(shapes):
        count = sum(1 for _ in run)
        groups.append(_Group(shape, at, count))
        at += count
    return groups


def _shape(teller: Teller, event: Event) -> object:
    """What two events have in common that say the same of two jobs."""
    job, failure = event.job, failure_of(event)
    return (
        teller.name,
        word_for(event),
        job.task,
        job.state,
        attempt_of(event),
        None if job.parent is None else teller.cause(job),
        min(teller.depth(job), DEEPEST),
        None if failure is None else failure.type_name,
        due_after(event) is None,
    )


def _folded(group: _Group) -> Iterator[Shown]:
    if group.size <= FEW:
        yield from range(group.first, group.first + group.size)
        return
    yield from (group.first, group.first + 1)
    yield f"... {group.size - 3:,} more like this"
    yield group.first + group.size - 1


def _repeats(groups: Sequence[_Group], at: int) -> tuple[int, int]:
    """The shortest round of groups that is repeated from here on often enough, and how often."""
    for size in range(2, LONGEST_ROUND + 1):
        if at + size * (FEW + 1) > len(groups):
            break
        rounds = 1
        while all(
            _alike(groups[at + n], groups[at + size * rounds + n])
            if at + size * rounds + n < len(groups)
            else False
            for n in range(size)
        ):
            rounds += 1
        if rounds > FEW:
            return size, rounds
    return 1, 1


def _alike(one: _Group, other: _Group) -> bool:
    return one.shape == other.shape and one.size == other.size


def _render(
    plan: Sequence[Shown], moments: dict[int, Moment], numbers: dict[int, str]
) -> Iterator[str]:
    shown = moments.values()
    ats = [to_instant(m.at) for m in shown] + [to_instant(m.due) for m in shown if m.due]
    times = Times(ats)
    workers = {m.actor for m in shown if m.event not in {"enqueue", "cancel", "requeue"}} - {""}
    named = len(workers) > 1
    actors = {n: _actor(moment, workers, named=named) for n, moment in moments.items()}
    width = max((len(actor) for actor in actors.values()), default=0)
    days = len({m.at.date() for m in shown}) > 1
    day = None
    for item in plan:
        if isinstance(item, str):
            yield f"{'':{times.width}}  {item}"
            continue
        moment = moments[item]
        if days and moment.at.date() != day:
            day = moment.at.date()
            yield f"{day:%a} {day.isoformat()}"
        left = f"{times.text(to_instant(moment.at))}  {actors[item]:<{width}}  {moment.event:<8}"
        said, below = _said(moment, numbers[item], times, WIDTH - len(left))
        yield (left + said).rstrip()
        if below:
            yield clip(" " * len(left) + below, WIDTH)


def _actor(moment: Moment, workers: set[str], *, named: bool) -> str:
    actor = moment.actor if named or moment.actor not in workers else "worker"
    return clip("  " * min(moment.depth, DEEPEST) + actor, ACTOR)


def _said(moment: Moment, number: str, times: Times, room: int) -> tuple[str, str]:
    """The job and what is to be said of it, and an error or instant that has no room beside it."""
    head = f"{number} {moment.task}"
    if moment.event == "enqueue":
        due = f"  due {_due(moment, times)}" if moment.due is not None else ""
        told = head + moment.detail
        if len(told) + len(due) <= room:
            return told + due, ""
        end = moment.detail.rfind(") ") + 1
        options = moment.detail[end:] if end else ""
        # Rather than its queue, an argument is cut off.
        call = clip(told.removesuffix(options), max(room - len(options), 20))
        return clip(call + options, room), due
    if moment.attempt > 1 or moment.event in {"fail", "lapse"}:
        head += f" try {moment.attempt}"
    error = f"  {moment.error}" if moment.error is not None else ""
    next_ = _next(moment, times)
    if len(head) + len(error) + len(next_) <= room:
        return head + error + next_, ""
    return clip(head + next_, room), error


def _next(moment: Moment, times: Times) -> str:
    """How it goes on."""
    if moment.event == "snooze":
        return f"  again {_due(moment, times)}  {moment.detail}".rstrip()
    if moment.event in {"fail", "lapse"}:
        return " -> " + (moment.detail or f"retry {_due(moment, times)}")
    return f"  {moment.detail}".rstrip()


def _due(moment: Moment, times: Times) -> str:
    if moment.due is None:
        return ""
    at, due = to_instant(moment.at), to_instant(moment.due)
    return "at once" if due <= at else f"at {times.text(due, at)} (+{length_text(due - at)})"
