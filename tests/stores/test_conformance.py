"""Our own stores pass the suite for stores, as ordinary subclasses of it."""

import pytest

from pytest_taskq.testing.conformance import StoreConformance


class OnBackend(StoreConformance):
    @pytest.fixture(autouse=True)
    def _stores(self, backends):
        self.backends = backends

    async def open_store(self, namespace):
        return self.backends.open(self.backend, namespace)


class TestMemory(OnBackend):
    backend = "memory"


class TestSqlite(OnBackend):
    backend = "sqlite"


class TestFakeredis(OnBackend):
    backend = "fakeredis"
    model_sequences = 20  # it is ten times slower than the others


class TestRedis(OnBackend):
    backend = "redis"


class TestPostgres(OnBackend):
    backend = "postgres"
