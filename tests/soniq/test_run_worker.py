"""Running jobs: in which order, how many at once, from which queues, and until when."""

import asyncio
import threading

import pytest

from pytest_taskq import wait_until
from pytest_taskq.core.errors import BadOption, NotFinished
from pytest_taskq.soniq import JobContext, make_app

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
    assert (row["status"], row["attempts"], row["worker_id"]) == ("queued", 1, None)


async def test_a_job_that_becomes_due_while_a_worker_ends_does_not_keep_it_busy(taskq_clock):
    app, stop = make_app(), asyncio.Event()

    @app.job(name="long")
    async def long():
        await asyncio.sleep(10)

    await app.enqueue("long")
    worker = asyncio.create_task(app.run_worker(concurrency=2, shutdown_event=stop))
    await taskq_clock.elapse(1)
    await app.enqueue("long", scheduled_at=5)
    stop.set()
    await taskq_clock.elapse(20)
    await asyncio.wait_for(worker, 20)
    assert [row["status"] for row in await app.list_jobs()] == ["queued", "done"]
