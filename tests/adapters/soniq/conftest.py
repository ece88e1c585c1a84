"""What the tests of the adapters share."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from pytest_taskq.adapters.soniq import TaskqBackend
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.stores.memory import MemoryStore
from pytest_taskq.stores.sqlite import SqliteStore


@pytest.fixture
def clock():
    return Clock("held", datetime(2030, 1, 1, tzinfo=UTC))


@pytest.fixture(params=[MemoryStore, SqliteStore])
def backend(request, clock, tmp_path):
    """A backend for apps of Soniq."""
    store = request.param(tmp_path / "jobs.db") if request.param is SqliteStore else MemoryStore()
    queue = Queue(store, clock)
    yield TaskqBackend(queue)
    queue.sync(queue.aclose())


@pytest.fixture
def calls(backend):
    """The two calls of a backend that every test makes, in short."""

    async def create(job_id="j1", name="mod.func", **given):
        asked = {
            "args": {"x": 1}, "args_hash": None, "max_attempts": 3, "priority": 100,
            "queue": "default", "unique": False, **given,
        }  # fmt: skip
        return await backend.create_job(job_id=job_id, job_name=name, **asked)

    async def fetch(worker="w1", queues=None):
        row = await backend.fetch_and_lock_job(queues=queues, worker_id=worker)
        return None if row is None else row["id"]

    return SimpleNamespace(create=create, fetch=fetch)
