"""What a failed assertion says: what was expected, the nearest job field by field, and the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from textwrap import wrap

from pytest_taskq.testing.matching import JobPattern, Mismatch, show
from pytest_taskq.testing.redact import HIDDEN, is_secret
from pytest_taskq.testing.seen import Comparison, SeenJob
from pytest_taskq.testing.text import clip

__all__ = ["headline", "listed", "nearest", "table", "wrong_count", "wrong_order"]

SHOWN = 10
WIDTH = 91
"""Of a line, so that it has fewer than 100 columns behind pytest's margin."""
FIRST = WIDTH - len("AssertionError: ")
NOTE = 45
LEAST = 12
BEFORE = 8


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
    what = f"nearest of {len(jobs)} enqueued" if others else "the only one enqueued"
    lines = [f"{what}: {job!r}", *table(comparison.fields)]
    return "\n".join([*lines, *([f"the others are\n{listed(others)}"] if others else [])])


def table(fields: Iterable[Mismatch]) -> list[str]:
    """Each field on a line: what was expected, what came, and their types where only they tell."""
    rows = []
    for each in fields:
        note = f"<- {clip(each.note, NOTE)}" if each.note else "<-"
        expected, got = show(each.expected), show(each.got)
        if each.ok and is_secret(each.field.rpartition(".")[2].partition("[")[0]):
            got = HIDDEN  # nobody needs to see it
        if not each.ok and each.note == "differs only in type":
            expected += f" ({type(each.expected).__name__})"
            got += f" ({type(each.got).__name__})"
        rows.append((each.field, expected, "" if each.missing else got, "ok" if each.ok else note))
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
    return lines


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
    rows = []
    for at in range(max(len(wanted), len(found))):
        expected = repr(wanted[at]) if at < len(wanted) else "nothing more"
        got = repr(found[at]) if at < len(found) else "nothing"
        both = at < min(len(wanted), len(found))
        why = _why(compare(found[at], wanted[at])) if both else "<-"
        rows.append((clip(expected, WIDTH // 2), clip(got, WIDTH // 2), why))
    wide = [max(len(row[at]) for row in rows) for at in range(2)]
    number = len(f"{len(rows)}.")
    return "\n".join(
        f"    {f'{at}.':<{number}} expected {e:<{wide[0]}}  got {g:<{wide[1]}}  {why}"
        for at, (e, g, why) in enumerate(rows, 1)
    )


def headline(text: str) -> str:
    """What was called and what was expected, in lines that are not too long."""
    return "\n".join(wrap(text, FIRST, subsequent_indent="    "))


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
        return "ok"
    wrong = [each for each in comparison.fields if not each.ok]
    return f"<- {', '.join(each.field for each in wrong)}" if wrong else "<-"


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
