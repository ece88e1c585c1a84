"""A batch of changes as the arrays that ``put`` in _postgres.sql takes, and its answer as ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_taskq.core.job import Job, with_id
from pytest_taskq.core.store import Change, Refusal
from pytest_taskq.stores._sql import job_row, name_rows

__all__ = ["FIELDS", "ROW", "Batch", "numbers"]

TYPES = ("bigint", *("text",) * 4, *("bigint",) * 4, "boolean", "text")
ROW = ", ".join([f"${n}::{kind}" for n, kind in enumerate(TYPES, start=1)])
"""The values of a ``job_row`` in a statement."""

INTEGERS = (
    *("id", "replaced", "version", "urgency", "rank", "due_at", "lease_until"),
    *("wants", "renamed", "first", "last"),
)
TEXTS = ("state", "queue", "task", "key", "doc")
FLAGS = {"wants", "renamed"}


def _fields() -> str:
    """A table of the changes in the arrays of ``put``: an array each would cost twice as much."""
    columns = ["n + 1 AS n"]
    for k, name in enumerate(INTEGERS, start=1):
        is_flag = " <> 0" if name in FLAGS else ""
        columns.append(f"integers[{len(INTEGERS)} * n + {k}]{is_flag} AS {name}")
    for k, name in enumerate(TEXTS, start=1):
        columns.append(f"texts[{len(TEXTS)} * n + {k}] AS {name}")
    return f"(SELECT {', '.join(columns)} FROM generate_series(low, high) AS n)"  # noqa: S608


FIELDS = _fields()
"""The changes that ``put`` was given, as a table."""


class Batch:
    """Changes on their way. ``arguments``: those of ``put``.

    A batch is plain when no name can stand in its way and no change in the way of another: it is
    one statement then, and not one after the other.
    """

    def __init__(self, changes: Sequence[Change]) -> None:
        self._changes = changes
        integers: list[int | None] = []
        texts: list[str | None] = []
        names: list[tuple[Any, ...]] = []
        for after, replacing in changes:
            version, state, queue, task, key, *order, wants, doc = job_row(after)
            renamed = _is_renamed(after, replacing)
            first = len(names)
            if renamed:
                names += name_rows(after)
            replaced = None if replacing is None else replacing.version
            integers += (after.id, replaced, version, *order)
            integers += (int(wants), int(renamed), first, len(names) - 1)
            texts += (state, queue, task, key, doc)
            self._renamed = self._renamed or renamed
        ids = integers[:: len(INTEGERS)]
        new = integers[1 :: len(INTEGERS)].count(None)
        self._new = new > 0
        distinct = new == len(changes) or (new == 0 and len(set(ids)) == len(ids))
        self._plain = distinct and not self._renamed
        self.arguments = (
            numbers(integers),
            _texts(texts),
            numbers([None if value is None else int(value) for row in names for value in row[2:6]]),
            None if self._plain else _texts([row[1] for row in names]),
        )

    _renamed = False

    def answers(
        self,
        landed: Sequence[str | None] | None,
        taken: Sequence[str | None],
        holders: Sequence[str | None],
    ) -> list[Job | Refusal]:
        """What ``put`` returned, for each change."""
        ids = _read(landed or ())
        changes = self._changes
        if self._plain and not self._new:
            done = set(ids)
            return [after if after.id in done else Refusal() for after, _ in changes]
        if self._plain:
            return [
                with_id(after, job_id or 0) for (after, _), job_id in zip(changes, ids, strict=True)
            ]
        return [
            Refusal(name, holder)
            if job_id is None
            else (with_id(after, job_id) if replacing is None else after)
            for (after, replacing), job_id, name, holder in zip(
                changes, ids, taken, _read(holders), strict=True
            )
        ]


def numbers(integers: list[int | None]) -> str:
    """An array as the server writes it: one text, where the driver would look at each value.

    Nor does the driver know the type of an array of integers without asking the server for it,
    which takes longer than the rest of a short test.
    """
    return "{" + repr(integers)[1:-1].replace("None", "NULL") + "}"


def _texts(texts: Sequence[str | None]) -> str:
    return "{" + ",".join(["NULL" if text is None else _quoted(text) for text in texts]) + "}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _read(integers: Sequence[str | None]) -> list[int | None]:
    return [None if text is None else int(text) for text in integers]


def _is_renamed(after: Job, replacing: Job | None) -> bool:
    """Whether the change takes or leaves names, or might have to wait for one."""
    if replacing is None:
        return bool(after.holds)
    if not after.holds and not replacing.holds:
        return False
    ordered = any(hold.ordered for hold in after.holds)
    return ordered or name_rows(after) != name_rows(replacing)
