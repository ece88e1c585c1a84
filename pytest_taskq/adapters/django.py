"""Procrastinate in a Django project under test: threads, transactions and tables.

The only file that imports Django.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from pytest_taskq.adapters._patches import replaced
from pytest_taskq.adapters.procrastinate import Adopted
from pytest_taskq.core.errors import MissingExtra
from pytest_taskq.core.job import JobId
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.until_stopped import ends_plainly

try:
    from asgiref.sync import SyncToAsync, async_to_sync, sync_to_async
    from django.apps import apps
    from django.db import connections
    from django.test import TestCase, TransactionTestCase
    from django.test.utils import override_settings
except ImportError:
    raise MissingExtra("django", "django") from None

__all__ = [
    "DjangoAdopted",
    "close_connections",
    "empty_tables",
    "is_transactional",
    "run_worker",
    "writable_models",
]

T = TypeVar("T")

CLEANUP = "procrastinate.contrib.django."


class DjangoAdopted(Adopted):
    """Django's app for the length of a test, whose jobs run in the test's own thread.

    So they have the test's own connection, see the rows that it has not committed, and leave
    none behind. A job that was deferred in a transaction or savepoint goes when that is rolled
    back.
    """

    def __init__(self, app: Any, queue: Queue) -> None:
        self._alias = app.connector.alias
        super().__init__(app, queue)
        vars(self.connector)["alias"] = self._alias
        self._transactions = _Transactions(self._take_back)
        self.connector.told_of_new = self._note_new
        self._undo.callback(self._transactions.close)
        self._undo.enter_context(self.replaced_util("sync_to_async", _in_thread_of_test))
        run_worker = ends_plainly(self._run_worker)
        self._undo.enter_context(replaced(self.app, "run_worker", run_worker))

    def run_sync(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it from a sync test, so that what is sensitive to threads runs in this one."""

        async def body() -> T:
            return await coroutine

        return async_to_sync(body)()

    def _worker(self, **options: Any) -> Any:
        worker = super()._worker(**options)
        # Where threads come and go they close connections; in a test that would be the test's.
        worker.task_middleware = [
            each
            for each in getattr(worker, "task_middleware", [])
            if not getattr(each, "__module__", "").startswith(CLEANUP)
        ]
        return worker

    def _run_worker(self, **options: Any) -> None:
        async def run() -> None:
            async with self.app.open_async():
                await self.app.run_worker_async(**options)

        async_to_sync(run)()

    def _note_new(self, job_id: JobId) -> None:
        self._transactions.note(connections[self._alias], job_id)

    def _take_back(self, job_id: JobId) -> None:
        self.connector.queue.sync(self.connector.queue.forget(job_id))


class _Transactions:
    """What was deferred in transactions that still go on: jobs, and savepoints between them.

    The connection tells of what is rolled back: its own methods do, for as long as this is open.
    """

    def __init__(self, take_back: Callable[[JobId], None]) -> None:
        self._take_back = take_back
        self._logs: dict[Any, list[JobId | str]] = {}

    def note(self, connection: Any, job_id: JobId) -> None:
        """A job was deferred on this connection."""
        by_hand = connection.connection is not None and not connection.autocommit
        if connection.in_atomic_block or by_hand:
            if connection not in self._logs:
                self._follow(connection)
            self._logs[connection].append(job_id)

    def close(self) -> None:
        """Follow no more."""
        for connection in self._logs:
            for name in ("savepoint", "savepoint_rollback", "rollback", "commit"):
                vars(connection).pop(name, None)

    def _follow(self, connection: Any) -> None:
        log = self._logs[connection] = []
        savepoint, savepoint_rollback = connection.savepoint, connection.savepoint_rollback
        rollback, commit = connection.rollback, connection.commit

        def begin() -> Any:
            sid = savepoint()
            if sid is not None:
                log.append(sid)
            return sid

        def roll_back_to(sid: str) -> None:
            savepoint_rollback(sid)
            # One that is not known was there before the first job.
            self._drop(log, log.index(sid) + 1 if sid in log else 0)

        def roll_back() -> None:
            rollback()
            self._drop(log, 0)

        def commit_all() -> None:
            commit()
            log.clear()

        connection.savepoint = begin
        connection.savepoint_rollback = roll_back_to
        connection.rollback = roll_back
        connection.commit = commit_all

    def _drop(self, log: list[JobId | str], start: int) -> None:
        for each in log[start:]:
            if isinstance(each, JobId):
                self._take_back(each)
        del log[start:]


@contextmanager
def writable_models() -> Iterator[None]:
    """The models of Procrastinate can be saved and deleted."""
    with override_settings(PROCRASTINATE_READONLY_MODELS=False):
        yield


def is_transactional(kind: type | None) -> bool:
    """Whether the tests of this class commit what they do."""
    return (
        kind is not None
        and issubclass(kind, TransactionTestCase)
        and not issubclass(kind, TestCase)
    )


def empty_tables() -> None:
    """Delete every row of Procrastinate's tables, which Django itself does not flush."""
    config: Any = apps.get_app_config("procrastinate")
    connection = connections[getattr(config.app.connector, "alias", "default")]
    there = set(connection.introspection.table_names())
    names = [model._meta.db_table for model in config.get_models()]  # noqa: SLF001 - documented
    # Events and ticks refer to jobs, and jobs to workers.
    names.sort(key=lambda name: (name.endswith("_workers"), name.endswith("_jobs")))
    with connection.cursor() as cursor:
        for name in names:
            if name in there:
                quoted = connection.ops.quote_name(name)
                cursor.execute(f"DELETE FROM {quoted}")  # noqa: S608 - the name of a table


def close_connections() -> None:
    """Close those of the thread in which async tests use the database.

    Left open, they would keep the test database from being dropped.
    """
    SyncToAsync.single_thread_executor.submit(connections.close_all).result()


def run_worker(**options: Any) -> Any:
    """Run the jobs of the real database until none is due; in an async test, await it.

    The test has to commit what it does: the worker has connections of its own. Periodic tasks
    are left alone, and nothing listens. The options are those of ``App.run_worker``.
    """
    config: Any = apps.get_app_config("procrastinate")
    app = config.app.replace_connector.__self__
    fixed = {"wait": False, "install_signal_handlers": False, "listen_notify": False}

    async def run() -> None:
        registry = app.periodic_registry
        with (
            app.replace_connector(app.connector.get_worker_connector()),
            replaced(registry, "periodic_tasks", {}),
            Adopted.replaced_util("sync_to_async", _in_thread_of_worker),
        ):
            async with app.open_async():
                await app.run_worker_async(**{**fixed, **options})

    if asyncio._get_running_loop() is None:  # noqa: SLF001 - documented, None without a loop
        return asyncio.run(run())
    return run()


async def _in_thread_of_worker(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    def call() -> T:
        try:
            return function(*args, **kwargs)
        finally:
            connections.close_all()

    result: T = await sync_to_async(call, thread_sensitive=False)()
    return result


async def _in_thread_of_test(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    result: T = await sync_to_async(function, thread_sensitive=True)(*args, **kwargs)
    return result
