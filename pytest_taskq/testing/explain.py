"""What a failed assertion says: what was expected, the nearest job field by field, and the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from pytest_taskq.testing.describe import in_one_line
from pytest_taskq.testing.matching import Mismatch
from pytest_taskq.testing.seen import Comparison, SeenJob

__all__ = ["count_of", "listed", "nearest", "show", "wrong_count", "wrong_order"]

SHOWN = 10
EXPECTED = 27


def nearest(jobs: Sequence[SeenJob], compare: Callable[[SeenJob], Comparison]) -> str:
    """The job that differs least from what was expected, field by field; then the others."""
    if not jobs:
        return "nothing was enqueued"
    compared = [(job, compare(job)) for job in jobs]
    related = [(job, comparison) for job, comparison in compared if comparison.related]
    if not related:
        return f"no job of that task was enqueued, only\n{listed(jobs)}"
    job, comparison = min(related, key=_distance)
    others = [each for each in jobs if each is not job]
    lines = [f"nearest of {len(jobs)} enqueued: {job!r}", *table(comparison.fields)]
    return "\n".join([*lines, *([f"the others are\n{listed(others)}"] if others else [])])


def table(fields: Iterable[Mismatch]) -> list[str]:
    """Each field on a line, with what was expected, what came, and their types."""
    fields = list(fields)
    width = max([len(each.field) for each in fields], default=0)
    lines = []
    for each in fields:
        expected = f"expected {show(each.expected)}"
        verdict = "ok" if each.ok else f"<- {each.note}" if each.note else "<-"
        got = "missing" if each.got == "nothing" and each.note else f"got {show(each.got)}"
        lines.append(f"    {each.field:<{width}}  {expected:<{EXPECTED}}  {got}  {verdict}")
    return lines


def show(value: object) -> str:
    """A value with its type, where the two tell more than one of them."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, type) or callable(value) or type(value).__repr__ is object.__repr__:
        return in_one_line(value, _named)
    text = in_one_line(value)
    plain = isinstance(value, str | int | float | bytes | list | tuple | dict | set)
    return f"{text} ({type(value).__name__})" if plain and not isinstance(value, bool) else text


def wrong_count(found: Sequence[SeenJob], times: int) -> str:
    """More or fewer jobs match than were expected."""
    verb = "job matches" if len(found) == 1 else "jobs match"
    return (
        f"{len(found)} {verb}, expected {times}:\n{listed(found)}\n"
        f"Say times={len(found)} if that is meant, or name more of its arguments."
    )


def wrong_order(wanted: Sequence[object], found: Sequence[SeenJob]) -> str:
    """A list of patterns beside the jobs there are, one a line."""
    lines = []
    for at in range(max(len(wanted), len(found))):
        pattern = in_one_line(wanted[at]) if at < len(wanted) else "nothing more"
        got = repr(found[at]) if at < len(found) else "nothing"
        same = at < len(wanted) and at < len(found) and wanted[at] == found[at]
        lines.append(f"    {at + 1}. {'  ' if same else '<-'} expected {pattern}, got {got}")
    return "\n".join(lines)


def listed(jobs: Sequence[SeenJob]) -> str:
    """Jobs, one a line, the first and last of many."""
    half = SHOWN // 2
    shown = list(jobs) if len(jobs) <= SHOWN else [*jobs[:half], *jobs[-half:]]
    lines = [f"    {_line(job)}" for job in shown]
    if len(shown) < len(jobs):
        lines.insert(half, f"    ... {len(jobs) - len(shown)} more ...")
    return "\n".join(lines)


def count_of(number: int, noun: str) -> str:
    """``1 job``, ``2 jobs``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _line(job: SeenJob) -> str:
    queue = "" if job.queue == "default" else f'  queue "{job.queue}"'
    return f"{job!r}  {job.state}{queue}"


def _distance(compared: tuple[SeenJob, Comparison]) -> tuple[int, int]:
    job, comparison = compared
    wrong = [each for each in comparison.fields if not each.ok]
    close = sum(each.note == "differs only in type" for each in wrong)
    return (2 * len(wrong) - close, job.id)


def _named(value: Any) -> str:
    name = getattr(value, "__qualname__", None)
    return repr(value) if name is None else str(name).rpartition("<locals>.")[2]
