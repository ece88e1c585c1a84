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

__all__ = ["FakeConnections", "FakeServers", "FakeStore"]

STORES = 100


class FakeConnections(RedisConnections):
    """The way to a new fake server, which nobody else has. ``client``: one that needs no loop."""

    def __init__(self) -> None:
        super().__init__("redis://fakeredis")
        self._version = fakeredis.__version__
        self._scripts = KEPT
        server = fakeredis.FakeServer()
        # Only a client of theirs says how to reach it; to make one takes long.
        of_client = fakeredis.FakeAsyncRedis(server=server, protocol=2).connection_pool
        options = {**of_client.connection_kwargs, **OPTIONS}
        self._new_pool = partial(type(of_client), of_client.connection_class, **options)
        self.client = fakeredis.FakeRedis(server=server)


class FakeStore(RedisStore):
    """A store on a fake server, which can be taken away at once: nobody waits for the server."""

    def __init__(self, connections: FakeConnections, namespace: str) -> None:
        super().__init__(connections, namespace)
        self._client = connections.client

    def forget(self) -> None:
        """Do what ``drop`` does, for who has no loop. Nobody is told."""
        self._client.unlink(*self._keys)


class FakeServers:
    """Stores on fake servers that many share: to begin one takes as long as a short test.

    A server remembers each connection that it ever had, and so its loop: now and then there is a
    new one.
    """

    def __init__(self) -> None:
        self._opened = 0

    def open(self, namespace: str) -> FakeStore:
        """A store in a namespace that is new."""
        if self._opened % STORES == 0:
            self._connections = FakeConnections()
        self._opened += 1
        return FakeStore(self._connections, namespace)
