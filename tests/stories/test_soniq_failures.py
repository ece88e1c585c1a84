"""An oven that goes out: retries, dead letters, and a clean kitchen for the next test."""

import pytest
import pytest_asyncio

from pytest_taskq.soniq import Soniq, make_app

pytestmark = pytest.mark.asyncio

shared = make_app()


@pytest_asyncio.fixture
async def clean_kitchen():
    """For every test that shares the app, whatever it leaves behind."""
    yield
    await shared._reset()


async def test_a_failing_job_is_tried_until_it_succeeds(soniq_app):
    tries = []

    @soniq_app.job(max_retries=2, retry_delay=0)
    async def light_the_oven():
        tries.append(1)
        if len(tries) < 3:
            raise RuntimeError("the gas is off")

    order = await soniq_app.enqueue(light_the_oven)
    await soniq_app.run_worker(run_once=True)  # without a delay, all three attempts are here
    await soniq_app.run_worker(run_once=True)
    await soniq_app.run_worker(run_once=True)

    assert len(tries) == 3
    assert (await soniq_app.get_job(order))["status"] == "done"


async def test_attempts_can_be_watched_one_by_one(soniq_app):
    tries = []

    @soniq_app.job(max_retries=2, retry_delay=0)
    async def light_the_oven():
        tries.append(1)
        if len(tries) < 3:
            raise RuntimeError("the gas is off")

    order = await soniq_app.enqueue(light_the_oven)
    for attempt, status in ((1, "queued"), (2, "queued"), (3, "done")):
        await soniq_app.run_one()
        row = await soniq_app.get_job(order)
        assert (row["attempts"], row["status"]) == (attempt, status)


async def test_retries_an_hour_apart_take_no_time(soniq_app, taskq_clock):
    @soniq_app.job(max_retries=2, retry_delay=[60, 3600])
    async def light_the_oven():
        raise RuntimeError("the gas is off")

    order = await soniq_app.enqueue(light_the_oven)
    assert await soniq_app.run_worker(run_once=True) is True
    for seconds in (60, 3600):
        taskq_clock.advance(seconds - 1)
        assert await soniq_app.run_worker(run_once=True) is False
        taskq_clock.advance(1)
        assert await soniq_app.run_worker(run_once=True) is True
    assert (await soniq_app.get_job(order))["status"] == "dead_letter"


async def test_what_failed_for_good_is_among_the_dead_letters(soniq_app):
    @soniq_app.job(max_retries=0)
    async def bake_without_flour():
        raise ValueError("the sack is empty")

    await soniq_app.enqueue(bake_without_flour)
    await soniq_app.run_worker(run_once=True)

    dead = await soniq_app.dead_letter.list_dead_letter_jobs()
    assert len(dead) == 1
    assert dead[0].dead_letter_reason == "max_retries_exceeded"
    assert "ValueError: the sack is empty" in dead[0].last_error
    assert await soniq_app.list_jobs() == []


@pytest.mark.usefixtures("clean_kitchen")
async def test_a_shared_app_is_empty_again_once_it_is_reset():
    @shared.job(max_retries=0)
    async def burn():
        raise RuntimeError("black")

    await shared.enqueue(burn)
    await shared.run_worker(run_once=True)
    await shared.enqueue(burn)
    stats = await shared.get_queue_stats()
    assert (stats["dead_letter"], stats["queued"]) == (1, 1)

    await shared._reset()

    assert set((await shared.get_queue_stats()).values()) == {0}
    assert await shared.list_jobs() == []
    assert await shared.dead_letter.list_dead_letter_jobs() == []


@pytest_asyncio.fixture
async def paper_orders(tmp_path):
    """On paper, that is in a file of the test's own: orders are still there tomorrow."""
    app = Soniq(backend="sqlite", database_url=str(tmp_path / "orders.db"))
    yield app
    await app.close()


async def test_an_order_on_paper_is_baked(paper_orders):
    @paper_orders.job(name="bread.bake")
    async def bake(loaves):
        return f"{loaves} loaves"

    order = await paper_orders.enqueue(bake, loaves=3)
    await paper_orders.run_worker(run_once=True)
    assert await paper_orders.get_result(order) == "3 loaves"


async def test_an_order_on_paper_outlives_the_bakery(tmp_path):
    path = str(tmp_path / "orders.db")
    async with Soniq(database_url=path) as app:
        app.job(name="bread.bake")(lambda: "baked")
        order = await app.enqueue("bread.bake")
    async with Soniq(database_url=f"sqlite:///{path}") as app:
        app.job(name="bread.bake")(lambda: "baked at last")
        await app.run_worker(run_once=True)
        assert await app.get_result(order) == "baked at last"


async def test_each_test_has_orders_of_its_own():
    first, second = make_app(), make_app()

    @first.job(name="bread.bake")
    async def bake(): ...

    order = await first.enqueue("bread.bake")
    assert await first.get_job(order) is not None
    assert await second.get_job(order) is None
