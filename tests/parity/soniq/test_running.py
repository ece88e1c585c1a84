"""How jobs run: order, retries, time limits, snoozes, hooks, and what is left of them."""

import asyncio
from datetime import timedelta

import pytest

pytestmark = pytest.mark.asyncio


async def run_out(app):
    return await app.run_worker(run_once=True)


async def test_a_job_that_is_run_is_done(app):
    @app.job(name="add")
    async def add(a, b):
        return {"sum": a + b}

    order = await app.enqueue(add, a=1, b=2)
    queued = await app.get_job(order)
    assert (queued["status"], queued["attempts"], queued["max_attempts"]) == ("queued", 0, 4)
    assert await app.get_result(order) is None
    assert await run_out(app) is True
    assert await run_out(app) is False
    row = await app.get_job(order)
    assert (row["status"], row["attempts"], row["result"]) == ("done", 1, {"sum": 3})
    assert await app.get_result(order) == {"sum": 3}
    assert row["expires_at"] is not None


async def test_calling_a_job_runs_its_body(app):
    @app.job(name="double")
    async def double(n):
        return n * 2

    assert await double(4) == 8
    assert await app.list_jobs() == []


async def test_a_retry_without_delay_comes_in_the_same_run(app):
    tries = []

    @app.job(name="flaky", max_retries=2)
    async def flaky():
        tries.append(1)
        if len(tries) < 3:
            raise RuntimeError("not yet")

    order = await app.enqueue(flaky)
    await run_out(app)
    assert len(tries) == 3
    assert (await app.get_job(order))["status"] == "done"


async def test_delays_are_kept_to_the_second(app, taskq_clock):
    @app.job(name="fail", max_retries=2, retry_delay=[60, 600])
    async def fail():
        raise ValueError("v")

    order = await app.enqueue(fail)
    await run_out(app)
    for delay in (60, 600):
        row = await app.get_job(order)
        due = taskq_clock.time() + timedelta(seconds=delay)
        assert (row["status"], row["scheduled_at"]) == ("queued", due.isoformat())
        assert row["last_error"].startswith("ValueError: v\nTraceback")
        taskq_clock.advance(delay - 1)
        assert await run_out(app) is False
        taskq_clock.advance(1)
        assert await run_out(app) is True
    row = await app.get_job(order)
    assert (row["status"], row["attempts"]) == ("dead_letter", 3)
    assert row["dead_letter_reason"] == "max_retries_exceeded"
    assert row["last_error"].startswith("Max retries exceeded: ValueError: v")
    assert row["scheduled_at"] is None


async def test_backoff_doubles_within_its_limit(app, taskq_clock):
    @app.job(
        name="fail", retry_delay=10, retry_backoff=True, retry_max_delay=25, retry_jitter=False
    )
    async def fail():
        raise ValueError

    await app.enqueue(fail)
    for delay in (10, 20, 25):
        await run_out(app)
        taskq_clock.advance(delay - 1)
        assert await run_out(app) is False
        taskq_clock.advance(1)
    assert await run_out(app) is True


async def test_the_order_is_priority_then_no_time_then_time(app, taskq_clock):
    ran = []

    @app.job(name="note")
    async def note(word):
        ran.append(word)

    for word, options in (
        ("late", {"scheduled_at": 20}), ("early", {"scheduled_at": timedelta(seconds=10)}),
        ("urgent", {"priority": 1}), ("usual", {}), ("idle", {"priority": 200}),
    ):  # fmt: skip
        await app.enqueue(note, word=word, **options)
    taskq_clock.advance(60)
    await run_out(app)
    assert ran == ["urgent", "usual", "early", "late", "idle"]


async def test_equals_run_in_the_order_in_which_they_came(app, taskq_clock):
    ran = []

    @app.job(name="note")
    async def note(word):
        ran.append(word)

    for word in "cab":
        await app.enqueue(note, word=word)
    await run_out(app)
    assert ran == ["c", "a", "b"]


@pytest.mark.wrong_in("library")  # its created_at are equal, and so the oldest comes first
async def test_the_newest_is_listed_first(app, taskq_clock):
    app.job(name="note")(lambda: 1)
    orders = [await app.enqueue("note") for _ in range(3)]
    assert [row["id"] for row in await app.list_jobs()] == orders[::-1]


async def test_a_job_takes_no_longer_than_it_may(app, taskq_clock):
    @app.job(name="slow", max_retries=0, timeout=5)
    async def slow():
        await asyncio.Event().wait()

    order = await app.enqueue(slow)
    running = asyncio.create_task(run_out(app))
    await taskq_clock.elapse(5)
    await running
    assert (await app.get_job(order))[
        "last_error"
    ] == "Max retries exceeded: Job timed out after 5s"


async def test_a_snooze_gives_the_attempt_back(app, words, taskq_clock):
    naps = [words.Snooze(seconds=30, reason="tired"), words.Snooze(10**9), None]

    @app.job(name="nap", max_retries=0)
    async def nap():
        return naps.pop(0)

    order = await app.enqueue(nap)
    await run_out(app)
    row = await app.get_job(order)
    assert (row["status"], row["attempts"], row["last_error"]) == ("queued", 0, "SNOOZE: tired")
    taskq_clock.advance(30)
    await run_out(app)
    longest = taskq_clock.time() + timedelta(days=1)
    assert (await app.get_job(order))["scheduled_at"] == longest.isoformat()
    taskq_clock.advance(days=1)
    await run_out(app)
    assert (await app.get_job(order))["attempts"] == 1


async def test_hooks_are_told_in_order(app, words):
    told = []

    @app.before_job
    async def before(name, job_id, attempts):
        told.append(("before", name, attempts))

    @app.after_job
    def after(name, job_id, milliseconds):
        told.append(("after", name))

    @app.on_error
    async def on_error(name, job_id, text, attempts):
        told.append(("error", text.split("\n")[0], attempts))

    @app.job(name="work", max_retries=1)
    async def work():
        if len(told) < 2:
            raise KeyError("k")

    await app.enqueue(work)
    await run_out(app)
    assert told == [
        ("before", "work", 1), ("error", "KeyError: 'k'", 1),
        ("before", "work", 2), ("after", "work"),
    ]  # fmt: skip


async def test_middleware_wraps_from_the_outside(app):
    seen = []

    @app.middleware
    async def outer(ctx, call_next):
        seen.append(("outer", ctx.job_name, ctx.attempt))
        return await call_next(ctx)

    @app.middleware
    async def inner(ctx, call_next):
        seen.append("inner")
        return (await call_next(ctx)) + 1

    @app.job(name="one")
    async def one():
        return 1

    order = await app.enqueue(one)
    await run_out(app)
    assert seen == [("outer", "one", 1), "inner"]
    assert await app.get_result(order) == 2


async def test_the_context_is_given_and_is_no_argument(app, words):
    seen = []

    async def look(n, ctx):
        seen.append((n, ctx.job_name, ctx.attempt, ctx.max_attempts, ctx.queue, ctx.scheduled_at))

    look.__annotations__["ctx"] = words.JobContext
    app.job(name="look", queue="q", max_retries=1)(look)
    order = await app.enqueue("look", args={"n": 1})
    await run_out(app)
    assert seen == [(1, "look", 1, 2, "q", None)]
    assert (await app.get_job(order))["args"]["n"] == 1


@pytest.mark.wrong_in("library")  # the context is left in the stored arguments
async def test_the_context_is_not_left_in_the_row(app, words):
    async def look(ctx): ...

    look.__annotations__["ctx"] = words.JobContext
    app.job(name="look")(look)
    order = await app.enqueue("look")
    await run_out(app)
    assert (await app.get_job(order))["args"] == {}


async def test_a_name_without_a_function_is_a_dead_letter(make):
    app = make(enqueue_validation="none", max_retries=2)
    order = await app.enqueue("nobody.knows", args={"a": 1})
    await run_out(app)
    row = await app.get_job(order)
    assert (row["status"], row["attempts"]) == ("dead_letter", 3)
    assert row["dead_letter_reason"] == "job_not_found"
    assert row["last_error"] == "Job nobody.knows not registered."


async def test_only_the_queues_that_are_named_are_served(app):
    ran = []

    @app.job(name="note")
    async def note(word):
        ran.append(word)

    for queue in "abc":
        await app.enqueue("note", args={"word": queue}, queue=queue)
    await app.run_worker(run_once=True, queues=["a", "c"])
    assert ran == ["a", "c"]


async def test_a_result_may_be_gone_at_once(make):
    app = make(result_ttl=0)
    app.job(name="one")(lambda: 1)
    order = await app.enqueue("one")
    await run_out(app)
    assert await app.get_job(order) is None


async def test_the_figures_count_every_status(app):
    app.job(name="good")(lambda: 1)

    @app.job(name="bad", max_retries=0)
    async def bad():
        raise ValueError

    for name in ("good", "bad"):
        await app.enqueue(name)
    await run_out(app)
    await app.cancel_job(await app.enqueue("good"))
    await app.enqueue("good")
    assert await app.get_queue_stats() == {
        "total": 4, "queued": 1, "processing": 0, "done": 1, "dead_letter": 1, "cancelled": 1
    }  # fmt: skip


@pytest.mark.wrong_in("library")  # dead letters stay
async def test_a_reset_leaves_nothing(app):
    @app.job(name="bad", max_retries=0)
    async def bad():
        raise ValueError

    await app.enqueue(bad)
    await run_out(app)
    await app._reset()
    assert set((await app.get_queue_stats()).values()) == {0}
