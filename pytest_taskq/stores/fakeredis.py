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

__all__ = ["FakeConnections"]


class FakeConnections(RedisConnections):
    """The way to a new fake server, which nobody else has."""

    def __init__(self) -> None:
        super().__init__("redis://fakeredis")
        self._version = fakeredis.__version__
        self._scripts = KEPT
        server = fakeredis.FakeServer()
        # Only a client of theirs says how to reach it; to make one takes long.
        of_client = fakeredis.FakeAsyncRedis(server=server, protocol=2).connection_pool
        words = {**of_client.connection_kwargs, **OPTIONS}
        self._new_pool = partial(type(of_client), of_client.connection_class, **words)
        self._client = fakeredis.FakeRedis(server=server)

    def drop(self, store: RedisStore) -> None:
        """Do what ``store.drop()`` does, at once: nobody waits for this server."""
        self._client.unlink(*store.keys)
