"""The statements of the SQLite store that are the same at every call."""

from __future__ import annotations

from pytest_taskq.stores._sql import JOB_COLUMNS, NAME_COLUMNS, unfinished

__all__ = [
    "AHEAD",
    "DATA_VERSION",
    "DELETE",
    "DELETE_LAST",
    "DUE",
    "FREE_NAMES",
    "GET",
    "HOLDERS",
    "INSERT",
    "INSERT_NAME",
    "LAST",
    "STORED_STATE",
    "UNFINISHED",
    "UPDATE",
]


def _insert(table: str, columns: tuple[str, ...]) -> str:
    marks = ", ".join(["?" for _ in columns])
    return " ".join(["INSERT INTO", table, f"({', '.join(columns)})", f"VALUES ({marks})"])


INSERT = _insert("jobs", JOB_COLUMNS)
UPDATE = " ".join(
    [
        "UPDATE jobs SET",
        ", ".join([f"{column} = ?" for column in JOB_COLUMNS]),
        "WHERE id = ? AND version = ?",
    ]
)
GET = "SELECT id, doc FROM jobs WHERE id = ? AND state <> 'gone'"
LAST = "SELECT coalesce(max(id), 0) FROM jobs"
STORED_STATE = "SELECT state FROM jobs WHERE id = ? AND version = ?"

UNFINISHED = unfinished()
DATA_VERSION = "PRAGMA data_version"

INSERT_NAME = _insert("names", NAME_COLUMNS)
FREE_NAMES = "DELETE FROM names WHERE job = ?"
HOLDERS = (
    "SELECT count(DISTINCT job), min(job), coalesce(max(job = ?), 0) FROM names"
    " WHERE name = ? AND holding"
)
AHEAD = "SELECT 1 FROM names WHERE name = ? AND waiting AND (line, job) < (?, ?) LIMIT 1"

DUE = "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE state = 'queued' AND due_at <= ? LIMIT ?)"

# A number is given once: the highest one, when its job is deleted, keeps an empty row. SQLite
# gives a new row the highest number there is plus one, so nobody has to count.
DELETE = "DELETE FROM jobs WHERE id = ? AND version = ? AND id < (SELECT max(id) FROM jobs)"
DELETE_LAST = (
    "UPDATE jobs SET state = 'gone', version = -1, key = NULL, doc = ''"
    " WHERE id = ? AND version = ?"
)
