"""The backend of an app: the queue that its jobs are on."""

from __future__ import annotations

import os
from typing import NoReturn

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.job import JobId
from pytest_taskq.core.store import Store
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.stores.memory import MemoryStore

__all__ = ["MemoryBackend", "SQLiteBackend", "backend_for", "refuse_connection"]

SQLITE_ENDINGS = (".db", ".sqlite", ".sqlite3")
SQLITE_URL = "sqlite:///"


class MemoryBackend:
    """Jobs in memory, in real time. Apps on one backend share its jobs."""

    supports_push_notify = False
    supports_transactional_enqueue = False
    supports_advisory_locks = False

    def __init__(self) -> None:
        self.queue = Queue(MemoryStore(), Clock.present())
        self.tags: dict[JobId, dict[str, str]] = {}
        """Of dead letters; they go with this object."""

    @classmethod
    def on_queue(cls, queue: Queue) -> MemoryBackend:
        """A backend on a queue of the engine, and so on its store and clock."""
        backend = MemoryBackend()
        backend.queue = queue
        return backend

    def acquire(self) -> NoReturn:
        """Refused with a ValueError: there is no connection to enqueue on."""
        refuse_connection(self)


class SQLiteBackend(MemoryBackend):
    """Jobs in a file, in real time: they stay when the app is closed."""

    def __init__(self, path: str | os.PathLike[str] = "soniq.db") -> None:
        super().__init__()
        self.queue = Queue(_sqlite_store(path), Clock.present())


def backend_for(backend: object, database_url: str | None) -> MemoryBackend:
    """What an app was told to keep its jobs on. Raises BadOption for what there is not."""
    if isinstance(backend, MemoryBackend):
        return backend
    if backend == "memory":
        return MemoryBackend()
    url = "" if database_url is None else str(database_url)
    path = url.removeprefix(SQLITE_URL)
    if backend == "sqlite":
        return SQLiteBackend(path or "soniq.db")
    if backend is None and (path != url or url.endswith(SQLITE_ENDINGS)):
        return SQLiteBackend(path)
    asked = repr(backend) if backend is not None else f"database_url={database_url!r}"
    raise BadOption(
        f"This Soniq cannot keep its jobs where it was told to. It was given {asked}, and has the "
        f'memory and SQLite. Use make_app() or Soniq(backend="memory"), Soniq(backend="sqlite", '
        f"database_url=path), or the fixture soniq_app with --taskq-backend=postgres."
    )


def refuse_connection(backend: MemoryBackend) -> NoReturn:
    """What soniq says where there is no PostgreSQL."""
    raise ValueError(
        f"Transactional enqueue is not supported by {type(backend).__name__}. It was asked for a "
        f"connection, and has none. Leave connection= out."
    )


def _sqlite_store(path: str | os.PathLike[str]) -> Store:
    from pytest_taskq.stores.sqlite import SqliteStore

    return SqliteStore(path)
