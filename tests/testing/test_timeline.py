"""The timeline of a test: its records, and its text line by line."""

import asyncio

import pytest

from pytest_taskq.core.outcome import Cancelled, Snoozed, Succeeded
from pytest_taskq.engine.leases import Ended
from pytest_taskq.engine.worker import Worker
from pytest_taskq.testing.timeline import timeline
from support.engine_app import SECOND, EngineApp
from support.engine_shop import NOON, make_shop

pytestmark = pytest.mark.asyncio


@pytest.fixture
def app():
    return make_shop()


def lines(*apps, most=None):
    return timeline(apps).text(most).splitlines()


async def test_nothing_has_happened(app):
    assert str(timeline([app])) == ""
    assert list(timeline([])) == []
    assert str(timeline([])) == ""


async def test_a_long_call_is_cut_off_and_not_its_queue(app):
    await app.add("charge", "c" * 90, after=3600, options={"queue": "mail"})
    line, below, *_ = lines(app)
    assert line.startswith("12:00:00  test  enqueue #1 charge('ccc")
    assert line.endswith("c...) queue=mail")
    assert below == " " * 24 + "  due at 13:00:00 (+1 h)"
    assert len(line) < 100


async def test_a_job_and_what_it_caused(app):
    await app.add("charge", 7, options={"queue": "payments", "priority": 2, "key": "cart-7"})
    await app.run()
    assert lines(app) == [
        "12:00:00  test         enqueue #1 charge(7) queue=payments priority=2 key=cart-7",
        "12:00:00  worker       start   #1 charge",
        "12:00:00    #1 charge  enqueue #2 receipt(7)",
        "12:00:00  worker       done    #1 charge",
        "12:00:00    worker     start   #2 receipt",
        "12:00:00    worker     done    #2 receipt",
    ]


async def test_a_failure_tells_its_error_and_when_it_is_tried_again(app):
    app.broken = 3
    await app.add("charge", 7, token="tok_123")
    for _ in range(3):
        await app.run()
        app.clock.advance(10)
    assert lines(app) == [
        "12:00:00  test    enqueue #1 charge(7, token=***)",
        "12:00:00  worker  start   #1 charge",
        "12:00:00  worker  fail    #1 charge try 1 -> retry at 12:00:10 (+10 s)",
        " " * 28 + "GatewayDown: refused for 7 with ***",
        "12:00:10  worker  start   #1 charge try 2",
        "12:00:10  worker  fail    #1 charge try 2 -> retry at 12:00:20 (+10 s)",
        " " * 28 + "GatewayDown: refused for 7 with ***",
        "12:00:20  worker  start   #1 charge try 3",
        "12:00:20  worker  fail    #1 charge try 3  GatewayDown: refused for 7 with *** -> dead",
    ]


async def test_repeats_are_folded(app):
    for cart in range(100):
        await app.add("receipt", cart)
    await app.run()
    assert lines(app) == [
        "12:00:00  test    enqueue #1 receipt(0)",
        "12:00:00  test    enqueue #2 receipt(1)",
        "          ... 97 more like this",
        "12:00:00  test    enqueue #100 receipt(99)",
        "12:00:00  worker  start   #1 receipt",
        "12:00:00  worker  done    #1 receipt",
        "          ... 98 more rounds like these 2",
        "12:00:00  worker  start   #100 receipt",
        "12:00:00  worker  done    #100 receipt",
    ]


async def test_a_round_of_several_workers_is_folded_too(app):
    app.settings["concurrency"] = 10
    for cart in range(100):
        await app.add("receipt", cart)
    await app.run()
    assert "... 8 more rounds like these 20" in str(timeline([app]))
    assert len(lines(app)) == 21


async def test_few_are_not_folded(app):
    for cart in range(4):
        await app.add("receipt", cart)
    await app.run()
    assert len(lines(app)) == 12


async def test_the_middle_of_a_long_one_is_left_out(app):
    for cart in range(40):
        await app.add("receipt" if cart % 3 else "charge", cart, after=cart % 7)
    found = lines(app, most=12)
    assert len(found) == 13
    assert found[0].endswith("#1 charge(0)")
    assert found[4].strip() == "... 29 lines left out: taskq.timeline().text() has them"
    assert found[-2].endswith("#40 charge(39)  due at 12:00:04 (+4 s)")
    assert (
        found[-1] == "Waiting: 6 due now; 34 due later, the first at 12:00:01; the clock is held."
    )


async def test_no_line_has_a_hundred_columns(app):
    app.broken = 1
    app.settings["name"] = "a-machine-with-a-very-long-name#123456"
    await app.add("charge", "x" * 300, token=1, after=86_400, options={"key": "k" * 300})
    app.clock.advance(days=1)
    await app.run()
    await app.add("charge", "y")
    app.settings["name"] = "another-machine-with-a-long-name#1"
    await app.run()
    assert max(map(len, lines(app))) < 100
    assert any(line.endswith(" -> retry at 12:00:10 (+10 s)") for line in lines(app))


async def test_days_and_milliseconds_are_shown_where_there_are_some(app):
    await app.add("receipt", 1, after=0.5)
    await app.add("receipt", 2, after=86_400)
    app.clock.advance("1d")
    await app.run()
    assert lines(app) == [
        "Tue 2030-01-01",
        "12:00:00.000  test    enqueue #1 receipt(1)  due at 12:00:00.500 (+500 ms)",
        "12:00:00.000  test    enqueue #2 receipt(2)  due at 2030-01-02 12:00:00.000 (+1 d)",
        "Wed 2030-01-02",
        "12:00:00.000  worker  start   #1 receipt  1 d after it was due",
        "12:00:00.000  worker  done    #1 receipt",
        "12:00:00.000  worker  start   #2 receipt",
        "12:00:00.000  worker  done    #2 receipt",
    ]


async def test_what_waits_is_told_last(app):
    await app.add("receipt", 1)
    await app.add("receipt", 2, after=600)
    await app.add("receipt", 3, after=900)
    assert lines(app)[-1] == (
        "Waiting: 1 due now; 2 due later, the first at 12:10:00; the clock is held."
    )


async def test_large_numbers_of_what_waits_can_be_read(app):
    for cart in range(2_400):
        await app.add("receipt", cart, after=600 if cart % 2 else 0)
    assert lines(app)[-1] == (
        "Waiting: 1,200 due now; 1,200 due later, the first at 12:10:00; the clock is held."
    )


async def test_snoozed_cancelled_and_stopped(app):
    answers = iter([Snoozed(app.clock.now() + 5 * SECOND, "busy"), Cancelled("not needed")])

    @app.task
    async def poll():
        return next(answers)

    @app.task
    async def slow():
        await asyncio.Event().wait()

    await app.add("poll")
    await app.run()
    app.clock.advance(5)
    await app.run()
    doomed = await app.add("poll")
    await app.queue.cancel(doomed.id)
    await app.add("slow")
    running = asyncio.create_task(app.run_forever())
    await app.clock.settle()
    running.cancel()
    await asyncio.wait({running})
    assert lines(app) == [
        "12:00:00  test    enqueue #1 poll()",
        "12:00:00  worker  start   #1 poll",
        "12:00:00  worker  snooze  #1 poll  again at 12:00:05 (+5 s)  busy",
        "12:00:05  worker  start   #1 poll",
        "12:00:05  worker  cancel  #1 poll  not needed",
        "12:00:05  test    enqueue #2 poll()",
        "12:00:05          cancel  #2 poll",
        "12:00:05  test    enqueue #3 slow()",
        "12:00:05  worker  start   #3 slow",
        "12:00:05  worker  release #3 slow",
        "Waiting: 1 due now; the clock is held.",
    ]


async def test_a_lease_that_lapsed_and_a_worker_that_came_back(app):
    await app.add("receipt", 1)
    (job,) = await app.queue.leases.claim("dead", 1)
    app.clock.advance(301)
    await app.run()
    await app.queue.leases.finish([Ended(job, Succeeded())])
    assert lines(app)[1:] == [
        "12:00:00  dead    start   #1 receipt",
        "12:05:01          lapse   #1 receipt try 1 -> retry at once",
        " " * 28 + "LeaseLapsed: worker 'dead' stopped renewing its lease",
        "12:05:01  worker  start   #1 receipt try 2",
        "12:05:01  worker  done    #1 receipt try 2",
        "12:05:01  dead    late    #1 receipt  its outcome is dropped: the lease was lost",
    ]


async def test_jobs_of_several_apps_are_told_apart(app):
    other = EngineApp(start=NOON)
    other.library = "docket"
    other.task(app.tasks()["receipt"].function)
    idle = EngineApp(start=NOON)
    await app.add("receipt", 1)
    other.clock.advance(1)
    await other.add("receipt", 2)
    await app.add("receipt", 3)
    assert lines(app, other, idle)[:3] == [
        "12:00:00  test  enqueue engine#1 receipt(1)",
        "12:00:00  test  enqueue engine#2 receipt(3)",
        "12:00:01  test  enqueue docket#1 receipt(2)",
    ]
    assert [moment.app for moment in timeline([app, other])] == ["engine", "engine", "docket"]
    assert [moment.app for moment in timeline([app, idle])] == ["", ""]


async def test_a_payload_that_cannot_be_read_is_told_so(app):
    await app.queue.enqueue(app.queue.new_job("receipt", payload="no payload of ours"))
    assert lines(app)[0] == "12:00:00  test  enqueue #1 receipt(?)"


async def test_a_chain_is_not_indented_without_end(app):
    @app.task
    async def again(left):
        if left:
            await app.add("again", left - 1)

    await app.add("again", 30)
    await app.run()
    assert max(moment.depth for moment in timeline([app])) == 30
    assert max(map(len, lines(app))) < 80
    assert "more rounds like these 3" in str(timeline([app]))


async def test_workers_have_names_where_there_are_several(app):
    for name in ("left", "right"):
        await app.add("receipt", 1)
        await Worker(app.queue, app.registered, name=name).run_until_idle()
    assert [line.split()[1] for line in lines(app)] == ["test", *["left"] * 2, "test"] + [
        "right"
    ] * 2


async def test_an_attempt_that_counts_though_it_goes_back_is_numbered_as_any(app):
    @app.task
    async def poll():
        return Snoozed(app.clock.now() + 5 * SECOND, counts=True)

    await app.add("poll")
    for _ in range(2):
        await app.run()
        app.clock.advance(5)
    assert lines(app)[3:5] == [
        "12:00:05  worker  start   #1 poll try 2",
        "12:00:05  worker  snooze  #1 poll try 2  again at 12:00:10 (+5 s)",
    ]
