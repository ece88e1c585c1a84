"""Running jobs: in which order, how often, for how long, and what becomes of what they raise."""

import asyncio
import threading

import pytest

from pytest_taskq import wait_until
from pytest_taskq.core.errors import BadOption, NotFinished
from pytest_taskq.soniq import JobContext, Snooze, make_app
from pytest_taskq.soniq import JobContext as Context

pytestmark = pytest.mark.asyncio


@pytest.fixture
def ran(soniq_app):
    @soniq_app.job(name="note")
    async def note(word):
        words.append(word)

    words = []
    return words


async def test_a_lower_priority_number_runs_first(soniq_app, ran):
    for priority in (200, 1, 100):
        await soniq_app.enqueue("note", args={"word": priority}, priority=priority)
    await soniq_app.run_worker(run_once=True)
    assert ran == [1, 100, 200]


async def test_jobs_without_a_time_go_before_those_whose_time_has_come(soniq_app, taskq_clock, ran):
    await soniq_app.enqueue("note", args={"word": "second"}, scheduled_at=20)
    await soniq_app.enqueue("note", args={"word": "first"}, scheduled_at=10)
    taskq_clock.advance(60)
    await soniq_app.enqueue("note", args={"word": "at once"})
    await soniq_app.run_worker(run_once=True)
    assert ran == ["at once", "first", "second"]


async def test_a_retry_goes_first_without_a_delay_and_last_with_one(soniq_app, taskq_clock, ran):
    @soniq_app.job(name="fail", max_retries=1)
    async def fail(ctx: JobContext):
        ran.append(f"fail {ctx.attempt}")
        raise ValueError

    @soniq_app.job(name="wait", max_retries=1, retry_delay=5)
    async def wait(ctx: JobContext):
        ran.append(f"wait {ctx.attempt}")
        raise ValueError

    await soniq_app.enqueue("wait")
    await soniq_app.enqueue("fail")
    await soniq_app.enqueue("note", args={"word": "a"})
    await soniq_app.run_worker(run_once=True)
    taskq_clock.advance(5)
    await soniq_app.enqueue("note", args={"word": "b"})
    await soniq_app.run_worker(run_once=True)
    assert ran == ["wait 1", "fail 1", "fail 2", "a", "b", "wait 2"]


@pytest.mark.parametrize(("concurrency", "most"), [(None, 1), (1, 1), (3, 3)])
async def test_a_finite_run_is_serial_unless_told_otherwise(soniq_app, concurrency, most):
    @soniq_app.job(name="count")
    async def count():
        nonlocal active, peak
        active += 1
        peak = max(peak, active)
        await asyncio.sleep(0)
        active -= 1

    active = peak = 0
    for _ in range(6):
        await soniq_app.enqueue("count")
    await soniq_app.run_worker(concurrency, run_once=True)
    assert peak == most


async def test_only_the_queues_that_are_named_are_served(soniq_app, ran):
    for queue in ("a", "b", "c"):
        await soniq_app.enqueue("note", args={"word": queue}, queue=queue)
    assert await soniq_app.run_worker(run_once=True, queues=[]) is False
    await soniq_app.run_worker(run_once=True, queues=["a", "c"])
    assert ran == ["a", "c"]
    with pytest.raises(BadOption, match=r"queues=\['b'\]"):
        await soniq_app.run_worker(run_once=True, queues="b")


async def test_what_a_job_enqueues_runs_in_the_same_call(soniq_app, ran):
    @soniq_app.job(name="start")
    async def start():
        await soniq_app.enqueue("note", args={"word": "later"})

    await soniq_app.enqueue("start")
    await soniq_app.run_worker(run_once=True)
    assert ran == ["later"]


async def test_a_job_that_enqueues_itself_for_ever_is_stopped(soniq_app):
    @soniq_app.job(name="again")
    async def again():
        await soniq_app.enqueue("again")

    await soniq_app.enqueue("again")
    with pytest.raises(NotFinished):
        await soniq_app.run_worker(run_once=True)


async def test_max_jobs_counts_attempts(soniq_app, ran):
    for word in "abc":
        await soniq_app.enqueue("note", args={"word": word})
    assert await soniq_app.run_worker(run_once=True, max_jobs=2) is True
    assert ran == ["a", "b"]


@pytest.mark.parametrize(
    "given", [{"max_jobs": 0, "run_once": True}, {"max_jobs": 1}, {"max_jobs": True}], ids=str
)
async def test_a_max_jobs_that_means_nothing_is_refused(soniq_app, given):
    with pytest.raises(BadOption, match="max_jobs=1"):
        await soniq_app.run_worker(**given)


async def test_a_sync_job_runs_in_a_thread(soniq_app):
    @soniq_app.job(name="sync")
    def sync(ctx: JobContext):
        return [threading.current_thread() is threading.main_thread(), ctx.attempt]

    order = await soniq_app.enqueue("sync")
    await soniq_app.run_worker(run_once=True)
    assert await soniq_app.get_result(order) == [False, 1]


@pytest.mark.parametrize("kind", [JobContext, "JobContext", "soniq.JobContext", "Context"])
async def test_the_context_is_recognised_however_it_is_written(soniq_app, kind):
    async def look(a, c=None):
        return c.job_name

    look.__annotations__["c"] = kind
    soniq_app.job(name="look")(look)
    order = await soniq_app.enqueue("look", args={"a": 1})
    await soniq_app.run_worker(run_once=True)
    assert await soniq_app.get_result(order) == "look"
    assert Context is JobContext


@pytest.mark.parametrize(
    "error", [ValueError("v"), SystemExit(3), asyncio.CancelledError(), StopIteration()], ids=repr
)
@pytest.mark.parametrize("sync", [False, True])
async def test_whatever_a_job_raises_it_is_a_dead_letter(soniq_app, ran, error, sync):
    told = []
    soniq_app.on_error(lambda *args: told.append(args[2].split(":")[0]))

    async def in_loop():
        raise error

    def in_thread():
        raise error

    soniq_app.job(name="bad", max_retries=0)(in_thread if sync else in_loop)
    order = await soniq_app.enqueue("bad")
    await soniq_app.enqueue("note", args={"word": "next"})
    await soniq_app.run_worker(run_once=True)
    row = await soniq_app.get_job(order)
    assert (row["status"], row["attempts"]) == ("dead_letter", 1)
    assert row["last_error"].startswith(f"Max retries exceeded: {told[0]}")
    assert ran == ["next"]


async def test_an_attempt_that_takes_too_long_has_failed(soniq_app):
    told = []
    soniq_app.on_error(lambda name, job_id, error, attempts: told.append((error, attempts)))

    @soniq_app.job(name="slow", max_retries=0, timeout=0.01)
    async def slow():
        await asyncio.Event().wait()

    order = await soniq_app.enqueue("slow")
    await soniq_app.run_worker(run_once=True)
    assert told == [("Job timed out after 0.01s", 1)]
    row = await soniq_app.get_job(order)
    assert row["last_error"] == "Max retries exceeded: Job timed out after 0.01s"


async def test_a_hook_that_fails_does_not_harm_the_job(soniq_app, ran, caplog):
    @soniq_app.before_job
    @soniq_app.after_job
    async def broken(*args):
        raise RuntimeError("the hook is broken")

    order = await soniq_app.enqueue("note", args={"word": "x"})
    await soniq_app.run_worker(run_once=True)
    assert (await soniq_app.get_job(order))["status"] == "done"
    assert caplog.text.count("the hook is broken") >= 2


async def test_a_snooze_is_no_end_and_as_long_as_it_may_be(soniq_app, taskq_clock):
    told = []
    soniq_app.after_job(lambda *args: told.append("after"))

    @soniq_app.job(name="nap", max_retries=0)
    async def nap():
        return Snooze(10**9) if not told else None

    order = await soniq_app.enqueue("nap")
    await soniq_app.run_worker(run_once=True)
    row = await soniq_app.get_job(order)
    assert (row["status"], row["attempts"], row["last_error"]) == ("queued", 0, "SNOOZE")
    assert told == []
    told.append("wake up")
    taskq_clock.advance(86_399)
    assert await soniq_app.run_worker(run_once=True) is False
    taskq_clock.advance(1)
    assert await soniq_app.run_worker(run_once=True) is True
    assert told == ["wake up", "after"]


@pytest.mark.parametrize(
    ("value", "kept"),
    [((1, 2), [1, 2]), ({"a": 1}, {"a": 1}), (None, None), (b"x", "b'x'"), (float("inf"), "inf")],
    ids=str,
)
async def test_a_result_is_kept_as_the_databases_keep_it(soniq_app, caplog, value, kept):
    @soniq_app.job(name="give")
    async def give():
        return value

    order = await soniq_app.enqueue("give")
    assert await soniq_app.get_result(order) is None
    await soniq_app.run_worker(run_once=True)
    assert await soniq_app.get_result(order) == kept
    assert ("kept as text" in caplog.text) == isinstance(kept, str)


async def test_a_worker_runs_until_it_is_told_to_stop(soniq_app, ran):
    stop = asyncio.Event()
    worker = asyncio.create_task(soniq_app.run_worker(shutdown_event=stop))
    for word in ("a", "b"):
        await soniq_app.enqueue("note", args={"word": word})
        await wait_until(lambda word=word: word in ran)
    stop.set()
    assert await worker is True


async def test_a_worker_that_is_told_at_once_runs_nothing(soniq_app, ran):
    stop = asyncio.Event()
    stop.set()
    await soniq_app.enqueue("note", args={"word": "a"}, scheduled_at=3600)
    assert await soniq_app.run_worker(shutdown_event=stop) is False


async def test_a_job_that_outlasts_the_shutdown_goes_back_to_the_queue():
    app = make_app(shutdown_timeout=0.1)
    begun, stop = asyncio.Event(), asyncio.Event()

    @app.job(name="long")
    async def long():
        begun.set()
        await asyncio.Event().wait()

    order = await app.enqueue("long")
    worker = asyncio.create_task(app.run_worker(shutdown_event=stop))
    await begun.wait()
    row = await app.get_job(order)
    assert (row["status"], row["worker_id"]) == ("processing", "soniq-worker")
    stop.set()
    await worker
    row = await app.get_job(order)
    assert (row["status"], row["attempts"], row["worker_id"]) == ("queued", 0, None)
