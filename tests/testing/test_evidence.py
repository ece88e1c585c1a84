"""What the report of a failed test says of its queues."""

from datetime import UTC, datetime

import pytest

from pytest_taskq.core.job import State
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.tasks import Task, Tasks
from pytest_taskq.engine.worker import Worker
from pytest_taskq.stores.memory import MemoryStore
from pytest_taskq.testing.evidence import describe_apps, describe_queue
from pytest_taskq.testing.known import know
from pytest_taskq.testing.redact import Redaction
from support.engine_app import EngineApp

pytestmark = pytest.mark.asyncio


@pytest.fixture
def queue(taskq_clock):
    return Queue(MemoryStore(), taskq_clock)


async def run(queue, function, **kwargs):
    tasks = Tasks()
    tasks.add(Task.of(function, name="work"))
    await queue.enqueue(queue.new_job("work", (), kwargs))
    await Worker(queue, tasks).run_until_idle()


@pytest.mark.taskq_time(start="2031-05-04T12:00:00+00:00")
async def test_an_empty_queue_says_so(queue):
    assert describe_queue(queue) == (
        "The clock is held and stands at 2031-05-04 12:00:00 UTC.\n"
        "The queue is empty: no job was enqueued."
    )


async def test_a_queue_that_was_not_always_empty_is_not_said_to_have_had_no_job(queue):
    job = await queue.enqueue(queue.new_job("send"))
    await queue.forget(job.id)
    assert describe_queue(queue).splitlines()[1:] == ["The queue is empty."]


@pytest.mark.taskq_time(start="2031-05-04T12:00:00+00:00")
async def test_a_job_is_told_in_one_line(queue):
    later = queue.clock.now() + 90_000_000
    for job in (
        queue.new_job("send", ("ann",), {"copies": 2}, due_at=later, queue="mail", key="k"),
        queue.new_job("send", payload="no payload of ours"),
        queue.new_job("send", ("x" * 1000,)),
    ):
        await queue.enqueue(job)
    first, second, third = describe_queue(queue).splitlines()[2:]
    assert first == (
        "  #1  send('ann', copies=2)  queued  due at 2031-05-04 12:01:30 UTC  queue mail  key k"
    )
    assert second == "  #2  send(?)  queued"
    assert len(third) < 100
    assert "3 jobs: 3 queued." in describe_queue(queue)


async def test_the_middle_of_a_long_queue_is_left_out(queue):
    for _ in range(50):
        await queue.enqueue(queue.new_job("send"))
    text = describe_queue(queue)
    assert "  ... 30 more ..." in text
    assert "  #10  " in text
    assert "  #11  " not in text
    assert "  #40  " not in text
    assert "  #41  " in text


@pytest.mark.parametrize("sync", [False, True])
async def test_a_failure_begins_where_the_user_s_own_code_begins(queue, sync):
    def fails(a):
        raise ValueError("two\nlines")

    async def fails_in_loop(a):
        fails(a)

    await run(queue, fails if sync else fails_in_loop, a=1)
    text = describe_queue(queue)
    assert "#1  work(a=1)  dead  attempt 1  ValueError: two" in text
    begins = text.index("Job #1 (work) failed in attempt 1:")
    frames = [line for line in text[begins:].splitlines() if line.strip().startswith("File")]
    assert len(frames) == (1 if sync else 2)
    assert all(__file__ in frame for frame in frames)
    assert text.endswith("  ValueError: two\n  lines")


async def test_an_error_that_cannot_be_shown_does_not_break_the_text(queue):
    class Odd(Exception):
        def __str__(self):
            raise RuntimeError

    async def fails():
        raise Odd

    await run(queue, fails)
    assert "Job #1 (work) failed in attempt 1:" in describe_queue(queue)
    assert (await queue.find())[0].state is State.DEAD


@pytest.fixture
def app():
    app = EngineApp(start=datetime(2031, 5, 4, 12, tzinfo=UTC))

    @app.task
    async def charge(cart, token):
        raise ValueError(f"{token} is refused")

    return app


async def test_apps_are_told_of_with_their_timeline(app):
    other = EngineApp(app.queue.__class__(MemoryStore(), app.clock))
    other.library = "docket"
    other.task(app.tasks()["charge"].function)
    await other.add("charge", 2, "t", after=60)
    await app.add("charge", 1, "tok_123")
    await app.run()
    lines = describe_apps([app, other]).splitlines()
    assert lines[:10] == [
        "The clock is held and stands at 2031-05-04 12:00:00 UTC.",
        "engine: 1 job: 1 dead.",
        "docket: 1 job: 1 queued.",
        "",
        "12:00:00  test    enqueue docket#1 charge(2, ***)  due at 12:01:00 (+1 min)",
        "12:00:00  test    enqueue engine#1 charge(1, ***)",
        "12:00:00  worker  start   engine#1 charge",
        "12:00:00  worker  fail    engine#1 charge try 1  ValueError: *** is refused -> dead",
        "Waiting: 1 due later, the first at 12:01:00.",
        "",
    ]
    assert lines[10] == "Job engine#1 (charge) failed in attempt 1:"
    assert lines[-1] == "  ValueError: *** is refused"
    assert describe_apps([]) == ""


async def test_jobs_of_one_number_have_each_their_error(app):
    for cart in (1, 2):
        await app.queue.clear()
        await app.add("charge", cart, f"token {cart}")
        await app.run()
    text = describe_apps([app])
    assert text.count("Job #1 (charge) failed in attempt 1:") == 2


async def test_a_queue_is_told_of_as_its_app_once_that_is_known(app):
    await app.add("charge", 1, "tok_123")
    assert "charge(1, 'tok_123')" in describe_queue(app.queue)
    know(app, Redaction(lambda name, value: "a cart" if name == "cart" else value))
    assert "charge('a cart', ***)" in describe_queue(app.queue)
    text = describe_queue(Queue(MemoryStore(), app.clock))
    assert text.endswith("The queue is empty: no job was enqueued.")
