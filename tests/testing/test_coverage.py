"""Which tasks, and which of their outcomes, the tests of a run have seen."""

import json
from datetime import timedelta

import pytest

from pytest_taskq.core.outcome import Snoozed
from pytest_taskq.core.retry import fixed
from pytest_taskq.engine.under_test import TaskInfo
from pytest_taskq.testing.coverage import Coverage, tasks_of
from support.engine_app import SECOND, EngineApp

pytestmark = pytest.mark.asyncio


@pytest.fixture
def app():
    app = EngineApp()
    app.broken = 0

    @app.task(retry=fixed(attempts=2, delay=timedelta(0)))
    async def charge():
        if app.broken:
            app.broken -= 1
            raise ValueError

    app.task(charge, name="nightly_report")
    return app


def lines(*seen):
    coverage = Coverage()
    for each in seen:
        coverage.add(each)
    return list(coverage.lines())


async def test_a_run_without_apps_says_so():
    assert lines() == lines({}) == ["No test had an app with registered tasks."]


async def test_tasks_that_nobody_performed_come_first(app):
    await app.add("charge")
    await app.run()
    await app.add("nightly_report")
    seen = tasks_of([app])
    assert json.loads(json.dumps(seen)) == seen
    assert lines(seen) == [
        "1 of 2 registered tasks never performed:",
        "  engine  nightly_report",
        "Outcomes never seen:",
        "  engine  charge  retry, dead, cancelled",
    ]


async def test_every_outcome_can_be_seen(app):
    for broken in (1, 2):
        app.broken = broken
        await app.add("charge")
        await app.run()
    await app.queue.cancel((await app.add("charge")).id)
    del app.tasks()["nightly_report"]
    assert lines(tasks_of([app])) == [
        "0 of 1 registered task never performed.",
        "Outcomes never seen: none.",
    ]


async def test_tests_add_up(app):
    await app.add("charge")
    await app.run()
    other = EngineApp()
    other.task(app.tasks()["charge"].function, name="nightly_report")
    await other.add("nightly_report")
    await other.run()
    both = lines(tasks_of([app]), tasks_of([other]))
    assert both == lines(tasks_of([app, other]))
    assert both[0] == "0 of 2 registered tasks never performed."
    assert both[2] == "  engine  charge          retry, dead, cancelled"


async def test_a_task_without_retries_misses_none(app):
    app.tasks()["charge"] = TaskInfo("charge", None)
    await app.add("charge")
    await app.run()
    assert lines(tasks_of([app]))[-1] == "  engine  charge  dead, cancelled"


async def test_a_lapsed_lease_is_a_retry_and_a_snooze_is_nothing(app):
    app.task(lambda: Snoozed(app.clock.now() + SECOND), name="poll", in_thread=False)
    await app.add("poll")
    await app.run()
    assert tasks_of([app])["engine"]["poll"] == ["performed", "retries"]
    await app.add("charge")
    await app.queue.leases.claim("gone", 1)
    app.clock.advance(301)
    await app.run()
    assert tasks_of([app])["engine"]["charge"] == ["performed", "retries", "retry", "success"]


async def test_tasks_that_the_library_brings_along_are_left_out(app):
    app.tasks()["tidy"] = TaskInfo("tidy", fixed)
    assert set(tasks_of([app])["engine"]) == {"charge", "nightly_report"}
