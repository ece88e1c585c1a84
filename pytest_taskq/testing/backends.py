"""The stores that a test run can be on, each queue's in a namespace of its own."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack, suppress
from functools import cached_property
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pytest_taskq.core.errors import StoreUnavailable, TaskqError
from pytest_taskq.core.store import Store
from pytest_taskq.engine.patience import ANSWER_SECONDS
from pytest_taskq.engine.sync import begin, drive, wait_for
from pytest_taskq.stores.memory import MemoryStore

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pytest_taskq.servers import RunServers
    from pytest_taskq.stores.fakeredis import FakeStore
    from pytest_taskq.stores.postgres import PostgresConnections, PostgresStore
    from pytest_taskq.stores.redis import RedisConnections, RedisStore
    from pytest_taskq.stores.sqlite import SqliteStore

__all__ = ["MEMORY", "Run", "Stores"]


class Stores(Protocol):
    """Makes stores of one kind, and takes them away with all that they hold."""

    def open(self) -> Store:
        """A store of its own, empty."""

    def discard(self, store: Any) -> None:
        """Forget what a store of ours holds, and the store, now or while the next test runs."""

    def close(self) -> None:
        """Give back what the stores shared."""


class _Memory:
    def open(self) -> MemoryStore:
        return MemoryStore()

    def discard(self, store: MemoryStore) -> None:
        """Nobody else has it."""

    def close(self) -> None:
        """Nothing is shared."""


MEMORY: Stores = _Memory()


class _Sqlite:
    def __init__(self, names: Callable[[], str]) -> None:
        self._names = names
        self._folder = Path(tempfile.mkdtemp(prefix="taskq-"))

    def open(self) -> SqliteStore:
        from pytest_taskq.stores.sqlite import SqliteStore

        return SqliteStore(self._folder / f"{self._names()}.db")

    def discard(self, store: SqliteStore) -> None:
        drive(store.drop())

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


class _Fakeredis:
    def __init__(self, names: Callable[[], str]) -> None:
        from pytest_taskq.stores.fakeredis import FakeServers

        self._servers = FakeServers()
        self._names = names

    def open(self) -> FakeStore:
        return self._servers.open(self._names())

    def discard(self, store: FakeStore) -> None:
        store.forget()

    def close(self) -> None:
        """Nobody else has them."""


class _OnServer:
    """Stores in namespaces of one server, on connections that are kept for the run."""

    def __init__(
        self,
        connections: RedisConnections | PostgresConnections,
        make: Callable[[Any, str], Any],
        names: Callable[[], str],
    ) -> None:
        self._connections = connections
        self._make = make
        self._names = names
        self._leaving: Future[None] | None = None
        self._failed: BaseException | None = None

    def open(self) -> Store:
        store: Store = self._make(self._connections, self._names())
        return store

    def discard(self, store: RedisStore | PostgresStore) -> None:
        """Begin to, while the next test begins. ``settle`` says whether it could be done."""
        before, self._leaving = self._leaving, begin(_answered(self._remove(store), store))
        self._wait(before)

    def settle(self) -> None:
        """Wait for what ``discard`` has begun. Raises why it failed first, once."""
        leaving, self._leaving = self._leaving, None
        self._wait(leaving)
        failed, self._failed = self._failed, None
        if failed is not None:
            raise failed

    def close(self) -> None:
        try:
            self.settle()
        finally:
            wait_for(self._connections.aclose())

    async def _remove(self, store: Any) -> None:
        await store.drop()

    def _wait(self, leaving: Future[None] | None) -> None:
        if leaving is not None:
            self._failed = self._failed or leaving.exception()


class _OnPostgres(_OnServer):
    """A schema is made while its test opens a connection.

    The connection that is kept for the run knows the server's catalog, and makes one in less than
    half the time.
    """

    def __init__(
        self, connections: Any, make: type[PostgresStore], names: Callable[[], str]
    ) -> None:
        super().__init__(connections, make, names)
        self._coming: dict[Store, Future[None]] = {}

    def open(self) -> Store:
        store: PostgresStore = self._make(self._connections, self._names())
        self._coming[store] = begin(store.prepare())
        return store

    async def _remove(self, store: PostgresStore) -> None:
        with suppress(TaskqError):  # why it could not be made is told at its first use
            await asyncio.wrap_future(self._coming.pop(store))
        await store.drop()


async def _answered(call: Awaitable[None], store: object) -> None:
    """What must end, whether the server answers or not: the run waits for it."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await call
    except TimeoutError:
        raise StoreUnavailable(
            f"The server does not answer. {store!r} was to be removed, and nothing was said for "
            f"{ANSWER_SECONDS:g} real seconds. Look whether the server lives, and whether "
            f"something else has locked what it needs."
        ) from None


class Run:
    """All the stores of one run of pytest in this process.

    ``name`` begins the names of its namespaces; ``servers`` is the folder of the servers that
    another process of this run may have started: without one they are this process's own.
    """

    def __init__(
        self,
        name: str,
        *,
        urls: Mapping[str, str],
        binaries: Mapping[str, str],
        allow_remote: bool = False,
        servers: str | None = None,
    ) -> None:
        self.name = name
        self._urls = urls
        self._binaries = binaries
        self._allow_remote = allow_remote
        self._servers_folder = servers
        self._stores: dict[str, Stores] = {"memory": MEMORY}
        self._numbers = count(1)

    @cached_property
    def servers(self) -> RunServers:
        """The private servers of this run; none is started before it is needed."""
        from pytest_taskq.servers import RunServers

        if self._servers_folder is None:
            return RunServers.make()
        return RunServers.join(self._servers_folder)

    def stores(self, backend: str) -> Stores:
        """The stores of one backend; its server is found or started at the first call.

        Raises ServerMissing, MissingExtra or StoreUnavailable.
        """
        if backend not in self._stores:
            self._stores[backend] = self._make(backend)
        return self._stores[backend]

    def describe(self, backend: str) -> str:
        """The backend in a few words; raises as ``stores`` does, and starts nothing."""
        _check_driver(backend)
        if backend not in {"redis", "postgres"}:
            return backend
        if backend not in self._urls:
            from pytest_taskq.servers import find

            found = find(backend, self._binaries.get(backend))
            return f"{backend} ({found.version}, ours, from {found.source})"
        from pytest_taskq.servers import masked

        connections = self._connections(backend)
        try:
            version = wait_for(connections.version())
        finally:
            wait_for(connections.aclose())
        return f"{backend} ({version}, given: {masked(self._urls[backend])})"

    def settle(self) -> None:
        """Wait until what tests have discarded is gone. Raises why it is not."""
        for stores in self._stores.values():
            if isinstance(stores, _OnServer):
                stores.settle()

    def close(self) -> None:
        """Give back connections, files and the servers that this process began."""
        with ExitStack() as end:
            if "servers" in self.__dict__:
                end.callback(self.servers.close)
            for stores in self._stores.values():
                end.callback(stores.close)

    def _make(self, backend: str) -> Stores:
        if backend == "sqlite":
            return _Sqlite(self._new_name)
        if backend == "fakeredis":
            return _Fakeredis(self._new_name)
        if backend == "redis":
            from pytest_taskq.stores.redis import RedisStore

            return _OnServer(self._connections(backend), RedisStore, self._new_name)
        from pytest_taskq.stores.postgres import PostgresStore

        return _OnPostgres(self._connections(backend), PostgresStore, self._new_name)

    def _connections(self, backend: str) -> RedisConnections | PostgresConnections:
        url = self._url(backend)
        if backend == "redis":
            from pytest_taskq.stores.redis import RedisConnections

            return RedisConnections(url)
        from pytest_taskq.stores.postgres import PostgresConnections

        return PostgresConnections(url)

    def _url(self, backend: str) -> str:
        from pytest_taskq.servers import check_url, find

        if backend in self._urls:
            url = self._urls[backend]
            check_url(backend, url, self._allow_remote)
            return url
        return self.servers.url(find(backend, self._binaries.get(backend)))

    def _new_name(self) -> str:
        return f"{self.name}_{next(self._numbers)}"


def _check_driver(backend: str) -> None:
    """Raise MissingExtra for what the backend needs; its store is where that is known."""
    if backend in {"fakeredis", "redis", "postgres"}:
        import_module(f"pytest_taskq.stores.{backend}")
