"""The stores of a run, on a server that is given."""

from __future__ import annotations

import asyncio
import gc
import os
from concurrent.futures import Future
from weakref import ref

import pytest

from pytest_taskq.core.errors import StoreUnavailable
from pytest_taskq.core.job import Job
from pytest_taskq.core.store import Change, JobQuery
from pytest_taskq.engine.sync import wait_for
from pytest_taskq.stores.postgres import PostgresConnections
from pytest_taskq.testing import backends as module
from pytest_taskq.testing.backends import Run


@pytest.fixture
def name():
    return f"taskq_{os.urandom(4).hex()}"


@pytest.fixture
def run(backends, name):
    run = Run(name, urls={"postgres": backends.place("postgres")}, binaries={})
    yield run
    run.close()


@pytest.fixture
def schemas(backends, name):
    connections = PostgresConnections(backends.place("postgres"))
    sql = "SELECT count(*) FROM pg_namespace WHERE starts_with(nspname, $1)"

    def count():
        return wait_for(connections.run(lambda connection: connection.fetchval(sql, name)))

    yield count
    wait_for(connections.aclose())


def test_what_was_never_used_is_taken_away_too(run, schemas):
    stores = run.stores("postgres")
    for _ in range(3):
        stores.discard(stores.open())
    run.settle()
    assert schemas() == 0


@pytest.mark.asyncio
async def test_a_store_is_there_whether_its_schema_was_made_before_or_not(run, schemas):
    stores = run.stores("postgres")
    found = [stores.open() for _ in range(3)]
    for store in found:
        (stored,) = await store.put([Change(Job(task="bake", payload="[]", due_at=0), None)])
        assert await store.find(JobQuery()) == [stored]
    for store in found:
        stores.discard(store)
    run.settle()
    assert schemas() == 0


class Interrupted(Future):
    def exception(self, timeout=None):
        raise KeyboardInterrupt


def test_what_is_interrupted_while_it_waits_is_taken_away_still(run, schemas):
    stores = run.stores("postgres")
    stores._leaving, store = Interrupted(), stores.open()
    assert wait_for(store.find(JobQuery())) == []
    with pytest.raises(KeyboardInterrupt):
        stores.discard(store)
    run.settle()
    assert schemas() == 0


def test_a_server_that_answers_no_more_does_not_hold_up_the_run(run, schemas, monkeypatch):
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.01)
    stores = run.stores("postgres")
    store = stores.open()
    store._sql.drop = "SELECT pg_sleep(3600)"
    stores.discard(store)
    with pytest.raises(StoreUnavailable) as caught:
        run.settle()
    assert str(caught.value) == (
        f"The server does not answer. {store!r} was to be removed, and nothing was said for "
        "0.01 real seconds. Look whether the server lives, and whether something else has locked "
        "what it needs."
    )


@pytest.mark.asyncio
async def test_the_fake_server_of_a_run_keeps_nothing_of_a_store_that_was_discarded(run):
    stores = run.stores("fakeredis")
    gone, left = stores.open(), stores.open()
    for store in (gone, left):
        await store.put([Change(Job(task="bake", payload="[]", due_at=0), None)])
    stores.discard(gone)
    assert await gone.find(JobQuery()) == []
    assert len(await left.find(JobQuery())) == 1
    stores.discard(left)
    assert await left._connections.call("DBSIZE") == 0


def test_fake_servers_do_not_keep_the_loops_of_tests_that_are_long_over(run):
    stores = run.stores("fakeredis")
    loops = []
    for _ in range(250):
        loop = asyncio.new_event_loop()
        store = stores.open()
        loop.run_until_complete(store.find(JobQuery()))
        loop.run_until_complete(loop.shutdown_asyncgens())
        stores.discard(store)
        loop.close()
        loops.append(ref(loop))
    del loop, store
    gc.collect()
    assert sum(each() is not None for each in loops) <= 100
