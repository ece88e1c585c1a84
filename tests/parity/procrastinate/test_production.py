"""What production does with ordinary code, ours does too."""

import asyncio
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]

SOON = {"hours": 1}


async def run(app, **options):
    options = {"install_signal_handlers": False, **options}
    await asyncio.wait_for(app.run_worker_async(wait=False, **options), 20)


async def told(app):
    jobs = await app.job_manager.list_jobs_async()
    return [(job.id, job.status, job.attempts, job.queue, job.priority) for job in jobs]


def noting(app, **options):
    seen = []

    @app.task(name="note", **options)
    async def note(**given):
        seen.append(given)

    return note, seen


async def plain(app):
    note, seen = noting(app)
    await note.batch_defer_async({"n": 1}, {"n": (1, {"a": None})})
    await run(app)
    return seen, await told(app)


async def order(app):
    note, seen = noting(app)
    for n, priority in enumerate((0, 5, -3, 5)):
        await note.configure(priority=priority).defer_async(n=n)
    await run(app)
    return seen


async def queues(app):
    note, seen = noting(app)
    for queue in "abc":
        await note.configure(queue=queue).defer_async(q=queue)
    await run(app, queues=["a", "c"])
    return seen, await told(app)


async def the_future_stays(app):
    note, seen = noting(app)
    await note.configure(schedule_in=SOON).defer_async(n=1)
    await note.configure(schedule_at=datetime(2001, 1, 1, tzinfo=UTC)).defer_async(n=2)
    await run(app)
    return seen, await told(app)


async def a_lock_is_a_line(app):
    note, seen = noting(app)
    await note.configure(lock="l", queue="unread").defer_async(n=1)
    await note.configure(lock="l").defer_async(n=2)
    await note.configure(lock="l", priority=3).defer_async(n=3)
    await note.configure(lock="m", schedule_in=SOON, priority=1).defer_async(n=4)
    await note.configure(lock="m", priority=2).defer_async(n=5)
    await note.configure(lock="m").defer_async(n=6)
    await run(app, queues=["default"])
    return seen, await told(app)


async def a_queueing_lock_lets_one_wait(app):
    note, _ = noting(app, queueing_lock="one")
    await note.defer_async(n=1)
    await run(app)
    await note.defer_async(n=2)
    return await note.defer_async(n=3)


async def a_batch_is_whole(app):
    note, _ = noting(app, queueing_lock="one")
    try:
        await note.batch_defer_async({"n": 1}, {"n": 2})
    except Exception as error:
        return type(error).__name__, await told(app)


async def retries_end(app):
    runs = []

    @app.task(name="t", retry=2)
    async def fail():
        runs.append(1)
        raise ValueError

    await fail.defer_async()
    await run(app)
    return len(runs), await told(app)


async def a_retry_holds_up_its_lock(app):
    decision = {"max_attempts": 1, "wait": 3600}
    strategy = type(app).__module__.replace(".app", ".retry")
    retry = import_module(strategy).RetryStrategy(**decision)

    @app.task(name="t", retry=retry, lock="l")
    async def fail(n):
        if n == 1:
            raise ValueError

    await fail.batch_defer_async({"n": 0}, {"n": 1}, {"n": 2})
    await run(app)
    return await told(app)


async def unknown_and_deleted(app):
    note, _ = noting(app)
    await app.configure_task("nobody").defer_async()
    await note.defer_async()
    await run(app, delete_jobs="successful")
    return await told(app)


async def everything_deleted(app):
    note, _ = noting(app)
    await app.configure_task("nobody").defer_async()
    await note.defer_async()
    await run(app, delete_jobs="always")
    return await told(app)


async def cancelling(app):
    note, _ = noting(app)
    ids = await note.batch_defer_async({}, {}, {})
    manager = app.job_manager
    answers = [
        await manager.cancel_job_by_id_async(ids[0]),
        await manager.cancel_job_by_id_async(ids[0]),
        await manager.cancel_job_by_id_async(ids[1], delete_job=True),
        await manager.cancel_job_by_id_async(99, abort=True),
    ]
    await run(app)
    answers.append(await manager.cancel_job_by_id_async(ids[2], abort=True))
    return answers, await told(app)


async def aborting(app):
    begun = asyncio.Event()

    @app.task(name="t")
    async def wait():
        begun.set()
        await asyncio.Event().wait()

    job_id = await wait.defer_async()
    running = asyncio.create_task(run(app))
    await begun.wait()
    await app.job_manager.cancel_job_by_id_async(job_id, abort=True)
    await running
    return await told(app)


async def by_hand(app):
    note, _ = noting(app)
    job_id = await note.defer_async()
    status = (await app.job_manager.get_job_status_async(job_id)).value
    await app.configure_task("nobody").defer_async()
    await run(app)
    at = datetime.now(UTC) + timedelta(hours=1)
    await app.job_manager.retry_job_by_id_async(2, at, priority=4, queue="q")
    return status, await told(app)


async def a_retry_of_what_succeeded(app):
    note, _ = noting(app)
    await note.defer_async()
    await run(app)
    await app.job_manager.retry_job_by_id_async(1, datetime.now(UTC))


async def the_status_of_nothing(app):
    return await app.job_manager.get_job_status_async(7)


async def counting(app):
    note, _ = noting(app)
    await note.configure(lock="l", queue="a").defer_async()
    await note.defer_async()
    await run(app, queues=["a"])
    manager = app.job_manager
    lists = manager.list_queues_async, manager.list_tasks_async, manager.list_locks_async
    return [
        [(each["name"], int(each["jobs_count"]), each["todo"], each["succeeded"]) for each in rows]
        for rows in [await listed() for listed in lists]
    ]


async def a_long_queue(app):
    note, _ = noting(app)
    await note.configure(queue="q" * 41).defer_async()


async def a_long_task(app):
    await app.configure_task("t" * 129).defer_async()


async def not_a_number(app):
    note, _ = noting(app)
    await note.defer_async(n=float("nan"))


async def a_nul(app):
    note, _ = noting(app)
    await note.defer_async(n="a\0b")


async def a_datetime(app):
    note, _ = noting(app)
    await note.defer_async(n=datetime.now(UTC))


async def sync_in_a_loop(app):
    note, _ = noting(app)
    note.defer(n=1)


async def a_silent_worker(app):
    note, _ = noting(app)
    await note.defer_async()
    worker = await app.job_manager.register_worker()
    job = await app.job_manager.fetch_job(None, worker)
    stalled = await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=-1)
    await run(app)
    return job.task_name, [each.id for each in stalled], await told(app)


SCENARIOS = [
    found
    for found in list(globals().values())
    if asyncio.iscoroutinefunction(found) and found.__name__ not in {"run", "told"}
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_ours_does_what_production_does(agree, scenario):
    await agree(scenario)
