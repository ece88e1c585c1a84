"""What a failed assertion says: what was expected, the nearest job field by field, and the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from textwrap import wrap
from typing import TypeVar

from pytest_taskq.testing.matching import JobPattern, Mismatch
from pytest_taskq.testing.redact import HIDDEN, is_secret
from pytest_taskq.testing.seen import Comparison, SeenJob
from pytest_taskq.testing.shown import show
from pytest_taskq.testing.text import clip

__all__ = ["headline", "listed", "nearest", "table", "wrong_count", "wrong_order"]

T = TypeVar("T")

SHOWN = 10
ROWS = 20
HEAD = 12
OK = "ok"
WIDTH = 91
"""Of a line, so that it has fewer than 100 columns behind pytest's margin."""
FIRST = WIDTH - len("AssertionError: ")
NOTE = 45
LEAST = 12
BEFORE = 8


def nearest(jobs: Sequence[SeenJob], compare: Callable[[SeenJob], Comparison]) -> str:
    """The job that differs least from what was expected, field by field; then the others."""
    if not jobs:
        # Outside a loop there is nothing to await.
        awaits = asyncio._get_running_loop() is not None  # noqa: SLF001 - documented
        return f"nothing was enqueued{'; was a call not awaited?' if awaits else ''}"
    compared = [(job, compare(job)) for job in jobs]
    related = [(job, comparison) for job, comparison in compared if comparison.related]
    if not related:
        return f"no job of that task was enqueued, only\n{listed(jobs)}"
    job, comparison = min(related, key=_distance)
    others = [each for each in jobs if each is not job]
    what = f"nearest of {len(jobs)} enqueued" if others else "the only one enqueued"
    lines = [f"{what}: {job!r}", *table(comparison.fields)]
    return "\n".join([*lines, *([f"the others are\n{listed(others)}"] if others else [])])


def table(fields: Iterable[Mismatch]) -> list[str]:
    """Each field on a line: what was expected, what came, and their types where only they tell."""
    shown, left = _picked(list(fields), lambda each: each.ok)
    rows = []
    for each in shown:
        note = f"<- {clip(each.note, NOTE)}" if each.note else "<-"
        expected, got = show(each.expected), show(each.got)
        if each.ok and is_secret(each.field.rpartition(".")[2].partition("[")[0]):
            got = HIDDEN  # nobody needs to see it
        if not each.ok and each.note == "differs only in type":
            expected += f" ({type(each.expected).__name__})"
            got += f" ({type(each.got).__name__})"
        verdict = OK if each.ok else note
        rows.append((_tail(each.field), expected, "" if each.missing else got, verdict))
    name = max((len(row[0]) for row in rows), default=0)
    room = (
        WIDTH
        - name
        - max((len(row[3]) for row in rows), default=0)
        - len("      expected   got   ")
    )
    rows = [
        (field, *_clipped(e, g, max(room, 4 * LEAST)), verdict) for field, e, g, verdict in rows
    ]
    wide = [max((len(row[at]) for row in rows), default=0) for at in range(3)]
    lines = []
    for field, expected, got, verdict in rows:
        came = f"got {got}" if got else "missing"
        head = f"    {field:<{wide[0]}}  expected {expected:<{wide[1]}}"
        lines.append(f"{head}  {came:<{wide[2] + 4}}  {verdict}")
    return lines + left


def wrong_count(found: Sequence[SeenJob], jobs: Sequence[SeenJob], times: int) -> str:
    """More or fewer jobs match than were expected."""
    if len(found) > times:
        return (
            f"{listed(found)}\n"
            f"Say times={len(found)} if that is meant, or name more of its arguments."
        )
    others = [job for job in jobs if all(job is not each for each in found)]
    return listed(found) + (f"\nthe others are\n{listed(others)}" if others else "")


def wrong_order(
    wanted: Sequence[JobPattern],
    found: Sequence[SeenJob],
    compare: Callable[[SeenJob, JobPattern], Comparison],
) -> str:
    """A list of patterns beside the jobs there are, one a line, and why each does not match."""
    compared = [
        (at, pattern, job, "<-" if pattern is None or job is None else _why(compare(job, pattern)))
        for at, (pattern, job) in enumerate(zip_longest(wanted, found), 1)
    ]
    shown, left = _picked(compared, lambda row: row[3] == OK)
    rows = []
    for at, pattern, job, why in shown:
        expected = "nothing more" if pattern is None else repr(pattern)
        got = "nothing" if job is None else repr(job)
        rows.append((f"{at}.", clip(expected, WIDTH // 2), clip(got, WIDTH // 2), why))
    wide = [max(len(row[at]) for row in rows) for at in range(3)]
    lines = [
        f"    {at:<{wide[0]}} expected {e:<{wide[1]}}  got {g:<{wide[2]}}  {why}"
        for at, e, g, why in rows
    ]
    return "\n".join(lines + left)


def headline(text: str) -> str:
    """What was called and what was expected, in lines that are not too long nor too many."""
    lines = wrap(text, FIRST, subsequent_indent="    ")
    if len(lines) > HEAD:
        lines[HEAD // 2 : -HEAD // 2] = ["    ..."]
    return "\n".join(lines)


def listed(jobs: Sequence[SeenJob]) -> str:
    """Jobs, one a line, the first and last of many."""
    half = SHOWN // 2
    shown = list(jobs) if len(jobs) <= SHOWN else [*jobs[:half], *jobs[-half:]]
    lines = [f"    {_line(job)}" for job in shown]
    if len(shown) < len(jobs):
        lines.insert(half, f"    ... {len(jobs) - len(shown)} more ...")
    return "\n".join(lines)


def _line(job: SeenJob) -> str:
    queue = "" if job.queue == "default" else f"  queue {job.queue!r}"
    return f"{job!r}  {job.state}{queue}"


def _why(comparison: Comparison) -> str:
    if comparison.matches:
        return OK
    wrong = [each for each in comparison.fields if not each.ok]
    return f"<- {clip(', '.join(each.field for each in wrong), NOTE)}" if wrong else "<-"


def _picked(rows: list[T], is_ok: Callable[[T], bool]) -> tuple[list[T], list[str]]:
    """The rows to show, of many only such as are wrong, and in lines what is left out."""
    if len(rows) <= ROWS:
        return rows, []
    wrong = [row for row in rows if not is_ok(row)]
    left = {"more differ": len(wrong) - ROWS, "are as expected": len(rows) - len(wrong)}
    lines = [f"    ... {count:,} {what} ..." for what, count in left.items() if count > 0]
    return wrong[:ROWS], lines


def _tail(field: str) -> str:
    """The name of a field; the end of a long one tells more than its beginning."""
    return field if len(field) <= NOTE else f"...{field[3 - NOTE :]}"


def _distance(compared: tuple[SeenJob, Comparison]) -> tuple[int, int]:
    job, comparison = compared
    wrong = [each for each in comparison.fields if not each.ok]
    close = sum(each.note == "differs only in type" for each in wrong)
    return (2 * len(wrong) - close, job.id)


def _clipped(expected: str, got: str, room: int) -> tuple[str, str]:
    """Both in so many columns together, and where they differ inside of that."""
    if len(expected) + len(got) <= room:
        return expected, got
    half = room // 2
    if len(expected) <= half:
        return expected, clip(got, room - len(expected))
    if len(got) <= half:
        return clip(expected, room - len(got)), got
    pairs = enumerate(zip(expected, got, strict=False))
    same = next((at for at, (e, g) in pairs if e != g), 0)
    if same + BEFORE > half:
        expected, got = (f"...{text[same - BEFORE :]}" for text in (expected, got))
    return clip(expected, half), clip(got, half)
