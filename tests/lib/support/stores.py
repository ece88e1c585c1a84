"""The five backends by name: handles on a namespace of one, and the end of it."""

import secrets
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

from pytest_taskq.stores.memory import MemoryStore

ALL = ("memory", "sqlite", "fakeredis", "redis", "postgres")
SHARED = ("sqlite", "redis", "postgres")
"""Those that another process can open too."""


class Backends:
    """Opens stores for the tests of one process; a server starts when it is first needed.

    Two handles on one namespace see the same jobs.
    """

    def __init__(self, folder):
        self._folder = folder
        self._prefix = f"taskq_{secrets.token_hex(4)}"
        self._numbers = count(1)
        self._shared = {}
        self._servers = None

    def new_namespace(self):
        """A name that nobody else uses."""
        return f"{self._prefix}_{next(self._numbers)}"

    def open(self, backend, namespace):
        """A handle on the jobs of a namespace."""
        if backend == "memory":
            return self._shared.setdefault(namespace, MemoryStore())
        return open_store(backend, self._once(backend), namespace)

    @asynccontextmanager
    async def fresh(self, backend):
        """A store of its own, forgotten afterwards."""
        store = self.open(backend, self.new_namespace())
        try:
            yield store
        finally:
            await self.discard(store)

    async def discard(self, store):
        """Close a handle, and forget all that its namespace holds."""
        if isinstance(store, MemoryStore):
            self._shared = {name: other for name, other in self._shared.items() if other != store}
        else:
            await store.drop()
        await store.aclose()

    def place(self, backend):
        """Where another process finds the backend: a folder, or the URL of a server."""
        if backend == "sqlite":
            return str(self._folder)
        from pytest_taskq.servers import RunServers, find

        self._servers = self._servers or RunServers.make()
        return self._servers.url(find(backend, None))

    def close(self):
        """End the servers."""
        if self._servers is not None:
            self._servers.close()

    def _once(self, backend):
        if backend not in self._shared:
            place = None if backend == "fakeredis" else self.place(backend)
            self._shared[backend] = connect(backend, place)
        return self._shared[backend]


def connect(backend, place):
    """What the stores of one backend have in common."""
    if backend == "sqlite":
        return Path(place)
    if backend == "postgres":
        from pytest_taskq.stores.postgres import PostgresConnections

        return PostgresConnections(place)
    from pytest_taskq.stores.fakeredis import FakeConnections
    from pytest_taskq.stores.redis import RedisConnections

    return FakeConnections() if place is None else RedisConnections(place)


def open_store(backend, connected, namespace):
    """A handle, on what ``connect`` gave."""
    if backend == "sqlite":
        from pytest_taskq.stores.sqlite import SqliteStore

        return SqliteStore(connected / f"{namespace}.db")
    if backend == "postgres":
        from pytest_taskq.stores.postgres import PostgresStore

        return PostgresStore(connected, namespace)
    from pytest_taskq.stores.redis import RedisStore

    return RedisStore(connected, namespace)
