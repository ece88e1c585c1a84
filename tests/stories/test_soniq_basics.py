"""A bakery takes orders through Soniq: an app in memory, a fixture, a wait, a round trip."""

import asyncio

import pytest
import pytest_asyncio

from pytest_taskq import wait_until
from pytest_taskq.soniq import MemoryBackend, Soniq, make_app

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def bakery():
    app = make_app()
    yield app
    await app._reset()
    await app.close()


async def test_the_testing_package_has_the_names_of_the_original():
    from pytest_taskq.soniq import testing

    assert testing.MemoryBackend is MemoryBackend
    assert testing.make_app is make_app
    assert testing.wait_until is wait_until


async def test_two_ways_to_open_a_shop():
    for app in (make_app(), Soniq(backend="memory")):
        assert isinstance(app.backend, MemoryBackend)
        assert await app.list_jobs() == []


async def test_a_setting_goes_through_the_short_way_too():
    assert make_app(max_retries=7).settings.max_retries == 7


async def test_the_customer_waits_until_the_loaf_is_baked(bakery):
    @bakery.job()
    async def bake():
        return "a loaf"

    order = await bakery.enqueue(bake)
    baker = asyncio.create_task(bakery.run_worker(run_once=True))

    async def is_baked():
        row = await bakery.get_job(order)
        return row and row["status"] == "done"

    await wait_until(is_baked, timeout=2.0, message="no loaf came out of the oven within 2 s")
    assert await baker is True
    assert await bakery.get_result(order) == "a loaf"


async def test_every_test_opens_an_empty_shop(bakery):
    assert await bakery.list_jobs() == []

    @bakery.job()
    async def bake(): ...

    order = await bakery.enqueue(bake)
    assert [row["id"] for row in await bakery.list_jobs()] == [order]
    assert await make_app().list_jobs() == []  # the shop of the next test


async def test_a_recipe_can_be_tried_without_any_order(bakery):
    @bakery.job(queue="cakes")
    async def decorate(name: str):
        return f"a cake for {name}"

    assert await decorate("Ilse") == "a cake for Ilse"
    assert await bakery.list_jobs() == []


async def test_an_order_goes_through_the_bakery(bakery):
    shelf = []

    @bakery.job(queue="default")
    async def bake(bread: str):
        shelf.append(bread)

    await bakery.enqueue(bake, bread="rye")
    assert shelf == []
    await bakery.run_worker(run_once=True)

    assert shelf == ["rye"]


async def test_the_worker_comes_back_when_the_orders_are_done(bakery):
    @bakery.job()
    async def bake(): ...

    assert await bakery.run_worker(run_once=True) is False
    for _ in range(3):
        await bakery.enqueue(bake)
    assert await bakery.run_worker(run_once=True) is True
    assert (await bakery.get_queue_stats())["done"] == 3


async def test_an_order_can_be_looked_up(bakery):
    @bakery.job()
    async def bake(): ...

    order = await bakery.enqueue(bake)
    row = await bakery.get_job(order)
    assert row["status"] == "queued"
    assert row["id"] == order
