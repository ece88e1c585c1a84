"""The way of the Redis store to a fake server inside this process."""

from __future__ import annotations

from functools import partial

from pytest_taskq.core.errors import MissingExtra
from pytest_taskq.stores._redis_scripts import KEPT
from pytest_taskq.stores.redis import OPTIONS, RedisConnections, RedisStore

try:
    import fakeredis
    import lupa  # type: ignore[import-untyped]  # noqa: F401 - fakeredis's scripts need it
except ImportError as error:
    raise MissingExtra(error.name or "fakeredis", "redis") from None

__all__ = ["FakeConnections", "FakeServers"]

STORES = 100


class FakeConnections(RedisConnections):
    """The way to a new fake server, which nobody else has."""

    def __init__(self) -> None:
        super().__init__("redis://fakeredis")
        self._version = fakeredis.__version__
        self._scripts = KEPT
        server = fakeredis.FakeServer()
        # Only a client of theirs says how to reach it; to make one takes long.
        of_client = fakeredis.FakeAsyncRedis(server=server, protocol=2).connection_pool
        options = {**of_client.connection_kwargs, **OPTIONS}
        self._new_pool = partial(type(of_client), of_client.connection_class, **options)
        self._client = fakeredis.FakeRedis(server=server)

    def forget(self, store: RedisStore) -> None:
        """Remove what a store holds, by a client that needs no loop."""
        self._client.unlink(*store.keys)


class FakeServers:
    """Stores on fake servers that many share: to begin one takes as long as a short test.

    A server remembers each connection that it ever had, and so its loop: now and then there is a
    new one.
    """

    def __init__(self) -> None:
        self._opened = 0
        self._homes: dict[RedisStore, FakeConnections] = {}

    def open(self, namespace: str) -> RedisStore:
        """A store in a namespace that is new."""
        if self._opened % STORES == 0:
            self._connections = FakeConnections()
        self._opened += 1
        store = RedisStore(self._connections, namespace)
        self._homes[store] = self._connections
        return store

    def drop(self, store: RedisStore) -> None:
        """Forget what a store holds, at once: nobody waits for its server, or is told."""
        self._homes.pop(store).forget(store)
