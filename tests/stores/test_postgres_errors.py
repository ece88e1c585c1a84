"""What is said of a Postgres server that fails, and that no password is in it."""

import importlib
import sys

import asyncpg
import pytest

from pytest_taskq.core.errors import BadOption, MissingExtra, StoreUnavailable
from pytest_taskq.core.job import Job
from pytest_taskq.core.store import Change
from pytest_taskq.stores._postgres_errors import unavailable
from pytest_taskq.stores.postgres import PostgresConnections, PostgresStore

pytestmark = pytest.mark.asyncio

SECRET = "hunter2"


@pytest.fixture(scope="session")
def url(backends):
    return backends.place("postgres")


async def test_a_server_that_does_not_answer_is_named_without_the_password():
    connections = PostgresConnections(f"postgresql://ann:{SECRET}@127.0.0.1:1/shop")
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1/shop does not answer") as caught:
        await PostgresStore(connections, "a").get(1)
    assert SECRET not in f"{caught.value} {connections!r} {PostgresStore(connections, 'a')!r}"
    assert caught.value.__cause__ is None


async def test_a_missing_database_is_told(url):
    connections = PostgresConnections(url.replace("/postgres?", "/nowhere?"))
    with pytest.raises(StoreUnavailable, match="has no such database"):
        await connections.version()


async def test_a_server_that_takes_no_changes_is_told(url, backends):
    connections = PostgresConnections(f"{url}&default_transaction_read_only=on")
    store = PostgresStore(connections, backends.new_namespace())
    with pytest.raises(StoreUnavailable, match="read-only"):
        await store.put([Change(Job("bake", "[]", 0), None)])


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (asyncpg.InvalidPasswordError("no"), "lets nobody in"),
        (asyncpg.DiskFullError("no"), "no room on its disk"),
        (asyncpg.TooManyConnectionsError("no"), "no connection left"),
        (asyncpg.InsufficientPrivilegeError("no"), "does not allow"),
        (asyncpg.CannotConnectNowError("no"), "stopping or starting"),
        (asyncpg.QueryCanceledError("no"), "broke the statement off"),
        (asyncpg.ConnectionDoesNotExistError("no"), "ended the connection"),
        (asyncpg.DuplicatePreparedStatementError("no"), "pooler"),
        (asyncpg.InternalServerError("no"), "cannot do its work"),
        (ConnectionRefusedError("no"), "does not answer"),
        (TimeoutError(), "does not answer"),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_each_failure_says_what_to_do_next(error, words):
    text = str(unavailable("host/db", error))
    assert words in text
    assert text.count(". ") >= 2


@pytest.mark.parametrize(
    "url",
    [
        f"redis://u:{SECRET}@h/d",
        f"postgresql://u:{SECRET}/x@h/d",
        f"postgresql://u:{SECRET}?x@h/d",
        f"postgresql://u:{SECRET}#x@h/d",
        f"postgresql://h:{SECRET}/d",
        f"{SECRET}",
    ],
)
async def test_a_url_that_cannot_be_read_is_refused_without_showing_it(url):
    with pytest.raises(BadOption, match="percent-encoded") as caught:
        PostgresConnections(url)
    assert SECRET not in str(caught.value)


async def test_the_address_shows_host_port_and_database_only():
    password = f"postgresql://u:{SECRET}@db.test:5433/shop?password={SECRET}"
    assert PostgresConnections(password).address == "db.test:5433/shop"
    socket = PostgresConnections("postgres://taskq@/shop?host=%2Frun%2Fpg")
    assert socket.address == "/run/pg/shop"


async def test_without_the_driver_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    monkeypatch.delitem(sys.modules, "pytest_taskq.stores.postgres")
    with pytest.raises(MissingExtra, match=r"pytest-taskq\[postgres\]"):
        importlib.import_module("pytest_taskq.stores.postgres")
