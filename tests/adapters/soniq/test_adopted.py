"""A real Soniq app for the length of a test: what the harness sees, and how its jobs run."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from soniq import JobContext, Snooze, Soniq
from soniq.features import scheduler

from pytest_taskq import wait_until
from pytest_taskq.adapters.soniq import Adopted, TaskqBackend, dead_letters
from pytest_taskq.core.errors import BadOption, NotFinished, UnknownTask
from pytest_taskq.core.job import State
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.under_test import AppUnderTest, Bounds, Call
from pytest_taskq.stores.memory import MemoryStore

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.taskq_time(start=datetime(2030, 1, 1, tzinfo=UTC), mode="held"),
]


@pytest.fixture
def ran():
    return []


@pytest.fixture
def app(ran):
    app = Soniq(database_url="postgresql://nowhere.invalid/db", shutdown_timeout=5)

    @app.job(name="bake", max_retries=2, retry_delay=[60, 600], priority=7)
    async def bake(loaves, kind="rye", *, ctx: JobContext):
        ran.append((loaves, kind, ctx.attempt))
        if kind == "burnt":
            raise ValueError("too hot")

    @app.job(name="sleep")
    async def sleep(seconds):
        await asyncio.sleep(seconds)
        ran.append(f"slept {seconds}")

    return app


@pytest.fixture
def adopted(app, taskq_clock):
    adopted = Adopted(app, Queue(MemoryStore(), taskq_clock))
    yield adopted
    adopted.close()


@pytest.fixture
def seen(adopted) -> AppUnderTest:
    return adopted.under_test()


async def test_the_app_is_given_back_as_it_was(app, taskq_clock):
    before = {name: vars(app)[name] for name in ("_backend", "_middleware", "_hooks")}
    registered = set(app.registry.list_jobs())
    adopted = Adopted(app, Queue(MemoryStore(), taskq_clock))
    app.job(name="new")(lambda: 1)
    app.before_job(lambda *_: None)
    await app.enqueue("new")
    await app.close()
    adopted.close()
    assert {name: vars(app)[name] for name in before} == before
    assert before["_hooks"]["before_job"] == []
    assert set(app.registry.list_jobs()) == registered
    assert (app.is_initialized, app.is_closed) == (False, False)
    assert app.run_worker.__func__ is Soniq.run_worker


async def test_it_tells_the_tasks(app, seen):
    @app.periodic(every=60, name="tick")
    async def tick(): ...

    @app.job(name="once", max_retries=0)
    async def once(): ...

    tasks = seen.tasks()
    assert tasks["bake"].given == {"ctx"}
    delays = [tasks["bake"].delay(n, ValueError()) for n in (1, 2, 3)]
    assert delays == [timedelta(minutes=1), timedelta(minutes=10), None]
    assert tasks["once"].delay is None
    assert tasks["tick"].schedule.next_after(0) == 60_000_000
    assert tasks["bake"].schedule is None
    function = app.registry.get_job("bake")["func"]
    assert seen.name_of(function) == seen.name_of(function.__wrapped__) == "bake"
    assert seen.name_of(app.job) is not None
    assert seen.name_of(42) is None


@pytest.mark.parametrize("expression", ["0 22-2 * * *", "0 0 1-7 * */7", "*/5 * * * SAT-MON"])
async def test_a_cron_expression_is_read_as_the_library_reads_it(app, seen, expression):
    @app.periodic(cron=expression, name="tick")
    async def tick(): ...

    schedule, at = seen.tasks()["tick"].schedule, 0
    own = scheduler.croniter(expression, 0)
    for _ in range(20):
        at = schedule.next_after(at)
        assert at == own.get_next(float) * 1_000_000


async def test_it_tells_jobs_and_enqueues_them(app, seen, taskq_clock):
    at = taskq_clock.now() + 5_000_000
    job = await seen.enqueue(Call("bake", (3,), {"kind": "oat"}, at=at, attempt=2))
    assert (job.attempt, job.due_at, job.state) == (1, at, State.QUEUED)
    assert seen.tell(job) == ((), {"loaves": 3, "kind": "oat"}, 7, None)
    await app.enqueue("bake", args={"loaves": 1}, dedup_key="k", priority=50)
    assert seen.tell(seen.jobs()[1]) == ((), {"loaves": 1}, 50, "k")
    with pytest.raises(UnknownTask, match="The nearest is 'bake'"):
        await seen.enqueue(Call("bke"))
    with pytest.raises(TypeError, match="It was given 3"):
        await seen.enqueue(Call("bake", (1, 2, 3)))


async def test_it_runs_what_is_due_and_keeps_the_errors(seen, ran):
    await seen.enqueue(Call("bake", (1,), {"kind": "burnt"}))
    await seen.enqueue(Call("bake", (2,)))
    assert await seen.run(Bounds(attempts=1)) == 1
    assert await seen.run() == 1
    assert ran == [(1, "burnt", 1), (2, "rye", 1)]
    ((job, error),) = seen.history.errors()
    assert (job.failure.type_name, job.failure.message) == ("ValueError", "too hot")
    assert isinstance(error, ValueError)


async def test_it_runs_chosen_jobs_and_ends_when_told(seen, ran):
    for loaves in (1, 2, 3):
        await seen.enqueue(Call("bake", (loaves,)))
    assert await seen.run(Bounds(only=lambda job: seen.tell(job).kwargs["loaves"] == 2)) == 1
    assert await seen.run(Bounds(ends=lambda: True)) == 1
    assert [loaves for loaves, _, _ in ran] == [2, 1]


async def test_a_job_that_enqueues_itself_for_ever_is_stopped(app, seen):
    @app.job(name="again")
    async def again():
        await app.enqueue("again")

    await app.enqueue("again")
    with pytest.raises(NotFinished, match="again has run 1000 times"):
        await seen.run()
    first, second = seen.jobs()[:2]
    assert second.parent == first.id


async def test_time_passes_and_each_job_runs_at_its_instant(seen, ran, taskq_clock):
    end = taskq_clock.now() + 3_600_000_000
    await seen.enqueue(Call("bake", (1,), {"kind": "burnt"}))
    await seen.enqueue(Call("sleep", (7200,)))
    assert await seen.run(Bounds(until=end, only=lambda job: job.task == "bake")) == 3
    assert [attempt for _, _, attempt in ran] == [1, 2, 3]
    assert taskq_clock.now() == end
    assert (await seen._app.get_queue_stats())["dead_letter"] == 1


async def test_what_is_in_hand_when_the_time_is_over_goes_back(app, seen, ran, taskq_clock):
    job = await seen.enqueue(Call("sleep", (60,)))
    assert await seen.run(Bounds(until=taskq_clock.now() + 5_000_000)) == 0
    (after,) = seen.jobs()
    assert (after.state, after.id) == (State.QUEUED, job.id)
    assert (await app.get_job(job.key))["attempts"] == 1
    assert await seen.run(Bounds(until=taskq_clock.now() + 60_000_000, attempts=1)) == 1
    assert ran == ["slept 60"]


async def test_a_live_worker_waits_for_jobs_as_the_clock_says(app, adopted, ran, taskq_clock):
    stop = asyncio.Event()
    worker = asyncio.create_task(app.run_worker(concurrency=2, shutdown_event=stop))
    await app.enqueue("bake", args={"loaves": 1})
    await wait_until(lambda: ran)
    await app.enqueue("bake", args={"loaves": 2}, scheduled_at=90)
    await taskq_clock.elapse(89)
    assert len(ran) == 1
    await taskq_clock.elapse(1)
    assert len(ran) == 2
    stop.set()
    assert await worker is True
    ((_, row),) = adopted.backend.workers.rows.items()
    assert row["status"] == "stopped"


async def test_a_worker_that_is_stopped_gives_its_jobs_time_and_then_puts_them_back(
    app, seen, ran, taskq_clock
):
    await app.enqueue("sleep", args={"seconds": 3})
    await app.enqueue("sleep", args={"seconds": 100})
    workers = asyncio.create_task(seen.run_forever())
    await taskq_clock.elapse(1)
    workers.cancel()
    await taskq_clock.elapse(6)
    with pytest.raises(asyncio.CancelledError):
        await workers
    assert ran == ["slept 3"]
    assert [job.state for job in seen.jobs()] == [State.SUCCEEDED, State.QUEUED]


async def test_snoozes_and_dead_letters_of_the_app(app, seen, taskq_clock):
    @app.job(name="nap")
    async def nap():
        return Snooze(3600)

    order = await app.enqueue("nap")
    await app.run_worker(run_once=True)
    assert (await app.get_job(order))["attempts"] == 0
    await seen.enqueue(Call("bake", (1,), {"kind": "burnt"}, attempt=3))
    await app.run_worker(run_once=True)
    (letter,) = await app.dead_letter.list_dead_letter_jobs()
    assert (letter.job_name, letter.attempts) == ("bake", 3)
    again = await app.dead_letter.replay(letter.id)
    assert (await app.get_job(again))["attempts"] == 0
    assert (await dead_letters(app).get_dead_letter_job(letter.id)).resurrection_count == 1
    app.registry.remove_job("bake")
    assert await app.dead_letter.replay(letter.id) is None


async def test_the_scheduler_of_the_app_is_on_the_clock_too(app, adopted, ran, taskq_clock):
    await app.scheduler.add("bake", every=60, args={"loaves": 1})
    await app.scheduler.start(check_interval=30)
    await taskq_clock.elapse(150)
    await app.scheduler.stop()
    await app.run_worker(run_once=True)
    assert len(ran) == 2


async def test_only_our_backend_has_dead_letters_here():
    with pytest.raises(BadOption, match=r"Soniq\(backend=TaskqBackend\(\)\)"):
        dead_letters(Soniq(backend="memory"))
    app = Soniq(backend=TaskqBackend())
    assert await dead_letters(app).list_dead_letter_jobs() == []


@pytest.mark.parametrize("once", [True, False])
async def test_jobs_that_enqueue_one_another_for_ever_end_a_run(app, adopted, seen, ran, once):
    @app.job(name="again")
    async def again(n):
        ran.append(n)
        if n < 3_000:
            await app.enqueue(again, n=n + 1)

    if not once:
        await app.enqueue("sleep", args={"seconds": 60})  # in hand, and put back
    await app.enqueue(again, n=1)
    with pytest.raises(NotFinished, match="again has run 1000 times in one chain"):
        await app.run_worker(run_once=once)
    assert len(ran) == 1_000
    left = [job.task for job in seen.jobs() if job.state is State.QUEUED]
    assert left == (["again"] if once else ["sleep", "again"])


@pytest.mark.taskq_strict(False)
async def test_what_escapes_a_live_worker_is_raised_though_it_says_it_is_false(app, adopted):
    class Quiet(BaseException):
        def __bool__(self):
            return False

    @app.job(name="hush")
    async def hush():
        raise Quiet

    await app.enqueue(hush)
    with pytest.raises(Quiet):
        await app.run_worker(concurrency=2)
