"""What the page shows of one test, as data."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from pytest_taskq.core.retry import fixed
from pytest_taskq.engine.under_test import Bounds
from pytest_taskq.testing.html import collect
from pytest_taskq.testing.html.collect import MOST
from pytest_taskq.testing.redact import Redaction
from support.engine_app import SECOND, EngineApp

pytestmark = pytest.mark.asyncio
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def app():
    app = EngineApp(start=NOON)

    @app.task(retry=fixed(attempts=2, delay=timedelta(seconds=10)))
    async def charge(cart, token):
        if app.clock.time() == NOON:
            raise ConnectionError(f"refused with {token}")
        await app.add("receipt", cart)

    @app.task
    async def receipt(cart): ...

    return app


async def test_nothing_has_happened(app):
    assert collect([app]) == {}
    assert collect([]) == {}


async def test_jobs_and_events_are_plain_data(app):
    await app.add("charge", 7, token="tok_1", options={"queue": "payments", "key": "k"})
    await app.run()
    app.clock.advance(10)
    await app.run()
    shown = collect([app])
    assert json.loads(json.dumps(shown)) == shown
    assert (shown["start"], shown["now"]) == ("2030-01-01T12:00:00+00:00", 10 * SECOND)
    assert (shown["clock"], shown["left"]) == ("held", 0)
    assert shown["jobs"]["#1"] == {
        "task": "charge",
        "call": "charge(7, token=***)",
        "arguments": {"cart": "7", "token": "***"},
        "queue": "payments",
        "priority": 0,
        "key": "k",
        "cause": None,
        "created": 0,
        "due": 10 * SECOND,
        "state": "succeeded",
    }
    assert shown["jobs"]["#2"]["cause"] == "#1"
    start = {"at": 0, "event": "start", "job": "#1", "actor": "worker", "attempt": 1}
    assert shown["events"][1] == start
    failed = shown["events"][2]
    trace = failed.pop("trace")
    assert failed == start | {
        "event": "fail",
        "error": "ConnectionError: refused with ***",
        "due": 10 * SECOND,
    }
    assert trace.startswith("Traceback (most recent call last):\n")
    assert trace.endswith("ConnectionError: refused with ***")
    assert "tok_1" not in json.dumps(shown)


async def test_the_user_hides_more(app):
    await app.add("receipt", 7)
    shown = collect([app], Redaction(lambda name, value: "hidden"))
    assert shown["jobs"]["#1"]["arguments"] == {"cart": "'hidden'"}


async def test_of_a_long_test_the_middle_is_left_out(app):
    for cart in range(MOST):
        await app.add("receipt", cart)
    await app.run(Bounds(attempts=10))
    shown = collect([app])
    assert shown["left"] == 20
    assert len(shown["events"]) == MOST
    assert shown["events"][0]["job"] == "#1"
    assert shown["events"][-1]["event"] == "done"
    assert shown["jobs"]["#1"]["state"] == "succeeded"


async def test_several_apps_have_their_own_jobs(app):
    other = EngineApp(start=NOON)
    other.library = "docket"
    other.task(app.tasks()["receipt"].function)
    await app.add("receipt", 1)
    await other.add("receipt", 2)
    assert list(collect([app, other])["jobs"]) == ["engine#1", "docket#1"]


async def test_jobs_of_one_number_are_jobs_of_their_own(app):
    await app.add("charge", 1, "t")
    await app.run()
    await app.queue.clear()
    app.clock.advance(10)
    await app.add("charge", 2, "t")
    await app.run()
    shown = collect([app])
    jobs = shown["jobs"]
    assert [(name, job["call"], job["state"], job["cause"]) for name, job in jobs.items()] == [
        ("#1", "charge(1, ***)", "queued", None),
        ("#1 (2)", "charge(2, ***)", "succeeded", None),
        ("#2", "receipt(2)", "succeeded", "#1 (2)"),
    ]
    names = [event["job"] for event in shown["events"] if event["event"] == "enqueue"]
    assert names == list(jobs)
