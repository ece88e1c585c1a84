"""Procrastinate: the first patterns, an app in memory and the fixtures around it.

A photo lab prints pictures that its customers order.
"""

import time
from types import SimpleNamespace

import pytest

from pytest_taskq.procrastinate import App, InMemoryConnector


@pytest.fixture
def printed():
    return []


@pytest.fixture
def print_photo(in_memory_app, printed):
    @in_memory_app.task(queue="prints", name="print_photo")
    async def print_photo(motif):
        printed.append(motif)

    return print_photo


@pytest.mark.asyncio
async def test_an_order_is_queued_then_printed(in_memory_app, print_photo, printed):
    await print_photo.defer_async(motif="harbour")

    jobs = in_memory_app.connector.jobs
    assert len(jobs) == 1
    assert jobs[0].status == "todo"

    await in_memory_app.run_worker_async(wait=False)

    assert jobs[0].status == "succeeded"
    assert printed == ["harbour"]


@pytest.mark.asyncio
async def test_the_jobs_are_also_a_mapping_of_ids_as_in_the_library(in_memory_app, print_photo):
    job_id = await print_photo.defer_async(motif="harbour")
    await in_memory_app.run_worker_async(wait=False)

    jobs = in_memory_app.connector.jobs
    assert jobs[job_id]["status"] == "succeeded"
    assert jobs[job_id]["args"] == {"motif": "harbour"}
    assert list(jobs) == [job_id]


def test_the_same_without_async(in_memory_app, print_photo, printed):
    print_photo.defer(motif="harbour")
    in_memory_app.run_worker(wait=False)
    print_photo.defer(motif="bridge")
    in_memory_app.run_worker(wait=False)

    assert printed == ["harbour", "bridge"]


@pytest.mark.asyncio
async def test_a_task_is_still_a_function(print_photo, printed, in_memory_app):
    await print_photo("harbour")

    assert printed == ["harbour"]
    assert not in_memory_app.connector.jobs


@pytest.mark.asyncio
async def test_the_rate_of_deferring_can_be_measured(in_memory_app, print_photo, record_property):
    start = time.perf_counter()
    for number in range(100):
        await print_photo.defer_async(motif=number)
    elapsed = time.perf_counter() - start

    rate = 100 / elapsed
    record_property("deferred_per_second", round(rate, 2))
    assert len(in_memory_app.connector.jobs) == 100
    assert rate > 50  # as the guide expects: a hundredth of what is usual


def test_the_connector_of_a_test_is_empty_and_under_its_app(in_memory_connector, in_memory_app):
    assert in_memory_app.connector is in_memory_connector
    assert len(in_memory_connector.jobs) == 0


def test_the_connector_can_be_emptied(in_memory_connector, print_photo):
    print_photo.defer(motif="harbour")
    assert len(in_memory_connector.jobs) == 1
    in_memory_connector.reset()
    assert len(in_memory_connector.jobs) == 0


class TestFixturesOfOnesOwn:
    """A conftest.py that builds everything itself, as it would for the library."""

    @pytest.fixture
    def mock_settings(self):
        return SimpleNamespace(queue="prints", copies=2)

    @pytest.fixture
    def in_memory_connector(self):
        connector = InMemoryConnector()
        yield connector
        connector.reset()

    @pytest.fixture
    def in_memory_app(self, in_memory_connector):
        with App(connector=in_memory_connector).open() as app:
            yield app

    @pytest.mark.asyncio
    async def test_it_works_the_same(self, in_memory_app, mock_settings, printed):
        @in_memory_app.task(queue=mock_settings.queue)
        async def print_copies(motif, copies):
            printed.extend([motif] * copies)

        await print_copies.defer_async(motif="harbour", copies=mock_settings.copies)
        await in_memory_app.run_worker_async(wait=False)

        assert printed == ["harbour", "harbour"]
        assert in_memory_app.connector.jobs[0].queue_name == "prints"
