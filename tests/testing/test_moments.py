"""The timeline of a test as records."""

from datetime import timedelta

import pytest

from pytest_taskq.testing.timeline import timeline
from support.engine_app import EngineApp
from support.engine_shop import NOON, make_shop

pytestmark = pytest.mark.asyncio


@pytest.fixture
def app():
    return make_shop()


async def test_the_records_say_the_same(app):
    app.broken = 1
    await app.add("charge", 7)
    await app.run()
    app.clock.advance(10)
    await app.run()
    told = timeline([app])
    events = ["enqueue", "start", "fail", "start", "enqueue", "done", "start", "done"]
    assert [moment.event for moment in told] == events
    assert len(told) == len(events)
    (failed,) = [moment for moment in told if moment.error]
    caused = next(moment for moment in told if moment.cause)
    assert (failed.at, failed.actor, failed.job, failed.attempt) == (NOON, "worker", 1, 1)
    assert failed.error == "GatewayDown: refused for 7 with t"
    assert failed.due == NOON + timedelta(seconds=10)
    assert (caused.cause, caused.depth, caused.actor) == (1, 1, "#1 charge")


async def test_the_cause_of_a_job_is_the_one_that_had_the_number_then(app):
    @app.task
    async def refund(cart):
        await app.add("receipt", cart)

    await app.add("charge", 1)
    await app.run()
    await app.queue.clear()
    await app.add("refund", 2)
    await app.add("receipt", 2)
    await app.run()
    told = [(moment.task, moment.depth, moment.actor) for moment in timeline([app])]
    told = [each for each in told if each[2] != "worker"]
    assert told == [
        ("charge", 0, "test"),
        ("receipt", 1, "#1 charge"),
        ("refund", 0, "test"),
        ("receipt", 0, "test"),
        ("receipt", 1, "#1 refund"),
    ]
    depths = {moment.depth for moment in timeline([app]) if moment.event == "done"}
    assert depths == {0, 1}


async def test_it_ends_where_it_was_made(app):
    await app.add("receipt", 1)
    before = timeline([app])
    await app.add("receipt", 2)
    assert len(before) == 1
    assert len(timeline([app])) == 2


async def test_renewals_are_left_out(app):
    await app.add("receipt", 1)
    (job,) = await app.queue.leases.claim("w", 1)
    await app.queue.leases.renew([job])
    assert [moment.event for moment in timeline([app])] == ["enqueue", "start"]


async def test_apps_of_one_library_have_numbers(app):
    other = EngineApp(start=NOON)
    for each in (app, other):
        each.task(app.tasks()["receipt"].function)
        await each.add("receipt", 1)
    assert [moment.app for moment in timeline([app, other])] == ["engine1", "engine2"]
