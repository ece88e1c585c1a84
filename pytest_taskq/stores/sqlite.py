"""The store in SQLite: one file that several processes may share, or the memory of one object."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from pytest_taskq.core.errors import QueueClosed
from pytest_taskq.core.job import Job, JobId, State, with_id
from pytest_taskq.core.store import Change, JobQuery, Refusal
from pytest_taskq.stores import _sqlite_statements as sql
from pytest_taskq.stores._sql import job_row, name_rows, read_job, select, tables
from pytest_taskq.stores._sqlite_errors import unavailable
from pytest_taskq.stores._sqlite_file import APPLICATION_ID, LAYOUT, check_ours, create, remove
from pytest_taskq.stores._watchers import Look, watchers_of

__all__ = ["SqliteStore"]

T = TypeVar("T")
R = TypeVar("R")

MEMORY = ":memory:"
BUSY_SECONDS = 5.0
FEW = 64

QUEUED, RUNNING = frozenset({State.QUEUED}), State.RUNNING


class SqliteStore:
    """Remembers jobs in the file ``path``, which it makes, or privately for ``":memory:"``.

    Any number of objects and processes may use one file. It is a store for tests: it outlives
    its processes, however they end, and not a crash of the machine, for it never waits for the
    disk. A batch is one transaction: who dies in the middle, before anybody was answered, leaves
    none of it.

    Raises BadOption for a file that is not its own, and leaves that as it is.
    """

    immediate = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = None if path == MEMORY else Path(path).resolve()
        self._lock = threading.Lock()
        self._watchers = watchers_of(self._path)
        self._db: sqlite3.Connection | None = _open(self._path)

    async def put(self, changes: Sequence[Change]) -> list[Job | Refusal]:
        """See ``Store.put``."""
        answers = self._do(_put, changes)
        self._watchers.tell()
        return answers

    async def get(self, job_id: JobId) -> Job | None:
        """See ``Store.get``."""
        return self._do(_get, job_id)

    async def find(self, query: JobQuery) -> list[Job]:
        """See ``Store.find``."""
        return self._do(_find, query)

    async def unfinished(self) -> bool:
        """See ``Store.unfinished``."""
        return bool(self._do(_number, sql.UNFINISHED))

    async def delete(self, jobs: Sequence[Job]) -> list[bool]:
        """See ``Store.delete``."""
        answers = self._do(_delete, jobs)
        self._watchers.tell()
        return answers

    async def clear(self) -> None:
        """See ``Store.clear``."""
        self._do(_clear, None)
        self._watchers.tell()

    @asynccontextmanager
    async def watch(self, changed: Callable[[], None]) -> AsyncIterator[None]:
        """See ``Store.watch``."""
        with self._watchers.added(changed):
            if self._path is None:
                yield
                return
            look = Look(lambda: self._do(_number, sql.DATA_VERSION), changed)
            try:
                yield
            finally:
                look.stop()

    async def aclose(self) -> None:
        """See ``Store.aclose``. Any other call after it raises QueueClosed."""
        with self._lock:
            db, self._db = self._db, None
            if db is not None:
                db.close()

    async def drop(self) -> None:
        """Close, and remove the file with all jobs. Other objects on it lose them too."""
        await self.aclose()
        if self._path is not None and self._path.exists():
            check_ours(self._path)
            try:
                remove(self._path)
            except OSError as error:
                raise unavailable(self._path, error) from error

    def _do(self, work: Callable[[sqlite3.Connection, T], R], given: T) -> R:
        with self._lock:
            db = self._db
            if db is None:
                raise QueueClosed(
                    f"This store is closed. It was on {self._path or MEMORY}. Make a new one; "
                    f"the jobs of a file are still there."
                )
            try:
                return work(db, given)
            except BaseException as error:
                with suppress(sqlite3.Error):
                    db.rollback()
                if isinstance(error, sqlite3.Error):
                    raise unavailable(self._path, error) from error
                raise


def _put(db: sqlite3.Connection, changes: Sequence[Change]) -> list[Job | Refusal]:
    plain = not any(job is not None and job.holds for change in changes for job in change)
    if plain and len(changes) <= 1:  # one statement is its own transaction
        return [_put_one(db, after, replacing) for after, replacing in changes]
    db.execute("BEGIN IMMEDIATE")
    answers = _put_alike(db, changes) if plain else None
    if answers is None:
        answers = [_put_one(db, after, replacing) for after, replacing in changes]
    db.execute("COMMIT")
    return answers


def _put_alike(db: sqlite3.Connection, changes: Sequence[Change]) -> list[Job | Refusal] | None:
    """Put new jobs only, or changes that all land, in one go; None: they are something else."""
    new = [after for after, replacing in changes if replacing is None]
    if len(new) == len(changes):
        (last,) = db.execute(sql.LAST).fetchone()
        db.executemany(sql.INSERT, map(job_row, new))
        return [with_id(job, job_id) for job_id, job in enumerate(new, last + 1)]
    if new:
        return None
    rows = [(*job_row(job), job.id, old.version) for job, old in changes if old is not None]
    if db.executemany(sql.UPDATE, rows).rowcount == len(rows):
        return [after for after, _ in changes]
    db.execute("ROLLBACK")
    db.execute("BEGIN IMMEDIATE")
    return None


def _put_one(db: sqlite3.Connection, after: Job, replacing: Job | None) -> Job | Refusal:
    if after.holds or (replacing is not None and replacing.holds):
        return _put_with_names(db, after, replacing)
    if replacing is None:
        return with_id(after, _insert(db, after))
    values = (*job_row(after), after.id, replacing.version)
    return after if db.execute(sql.UPDATE, values).rowcount else Refusal()


def _put_with_names(db: sqlite3.Connection, after: Job, replacing: Job | None) -> Job | Refusal:
    running = False
    if replacing is not None:
        stored = db.execute(sql.STORED_STATE, (after.id, replacing.version)).fetchone()
        if stored is None:
            return Refusal()
        running = stored[0] == RUNNING
    if refusal := _refusal(db, after, starts=after.state is RUNNING and not running):
        return refusal
    if replacing is None:
        after = with_id(after, _insert(db, after))
    else:
        db.execute(sql.UPDATE, (*job_row(after), after.id, replacing.version))
        db.execute(sql.FREE_NAMES, (after.id,))
    db.executemany(sql.INSERT_NAME, name_rows(after))
    return after


def _refusal(db: sqlite3.Connection, after: Job, *, starts: bool) -> Refusal | None:
    """The first name that ``after`` would hold and that is full, or has a line before it."""
    holds = after.wants(after.state)
    for hold in holds:
        count, first, mine = db.execute(sql.HOLDERS, (after.id, hold.name)).fetchone()
        if count >= hold.limit and not mine:
            return Refusal(hold.name, first)
    if starts:
        for hold in holds:
            place = (hold.name, -after.priority, after.id)
            if hold.ordered and db.execute(sql.AHEAD, place).fetchone():
                return Refusal(hold.name)
    return None


def _insert(db: sqlite3.Connection, job: Job) -> JobId:
    return db.execute(sql.INSERT, job_row(job)).lastrowid or 0


def _get(db: sqlite3.Connection, job_id: JobId) -> Job | None:
    row = db.execute(sql.GET, (job_id,)).fetchone()
    return None if row is None else read_job(*row)


def _find(db: sqlite3.Connection, query: JobQuery) -> list[Job]:
    table = "jobs"
    if query.states == QUEUED and query.sort == "claim" and query.due_by is not None:
        # Few due jobs are sorted; of many, the first are found in their order. The other way
        # round, each claim would sort them all, or walk past all that are not due yet.
        (due,) = db.execute(sql.DUE, (query.due_by, FEW)).fetchone()
        table = "jobs INDEXED BY jobs_due" if due < FEW else "jobs INDEXED BY jobs_claim"
    statement, values = select(query, _mark, table)
    return [read_job(*row) for row in db.execute(statement, values)]


def _mark(_: int) -> str:
    return "?"


def _delete(db: sqlite3.Connection, jobs: Sequence[Job]) -> list[bool]:
    db.execute("BEGIN IMMEDIATE")
    answers = []
    for job in jobs:
        exactly = (job.id, job.version)
        gone = db.execute(sql.DELETE, exactly).rowcount
        deleted = gone or db.execute(sql.DELETE_LAST, exactly).rowcount
        if deleted:
            db.execute(sql.FREE_NAMES, (job.id,))
        answers.append(bool(deleted))
    db.execute("COMMIT")
    return answers


def _clear(db: sqlite3.Connection, _: None) -> None:
    db.execute("BEGIN IMMEDIATE")
    db.execute("DELETE FROM jobs")
    db.execute("DELETE FROM names")
    db.execute("COMMIT")


def _number(db: sqlite3.Connection, statement: str) -> int:
    number: int = db.execute(statement).fetchone()[0]
    return number


def _open(path: Path | None) -> sqlite3.Connection:
    if path is None:
        db = _connect(MEMORY)
        _make_tables(db)
        return db
    try:
        if not path.exists():
            create(path, _image())
        check_ours(path)
        return _connect(path)
    except (OSError, sqlite3.Error) as error:
        raise unavailable(path, error) from error


@cache
def _image() -> bytes:
    """An empty file of ours. It is the same each time, and copied ten times as fast as made."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "empty")
        with closing(_connect(path)) as db:
            _make_tables(db)
            db.execute("PRAGMA journal_mode = WAL")
        return path.read_bytes()


def _make_tables(db: sqlite3.Connection) -> None:
    mark = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {LAYOUT}"
    db.executescript("; ".join(["BEGIN", *tables("INTEGER"), mark, "COMMIT"]))


def _connect(path: Path | str) -> sqlite3.Connection:
    # A lock of ours keeps threads apart; every transaction begins where we say.
    db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA synchronous = OFF")
    except BaseException:
        db.close()
        raise
    return db
