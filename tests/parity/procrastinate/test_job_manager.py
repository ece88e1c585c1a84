"""What the job manager offers beside deferring and looking up, ours does as production."""

import asyncio
from importlib import import_module

import pytest

from pytest_taskq import wait_until

pytestmark = [pytest.mark.asyncio, pytest.mark.slow, pytest.mark.taskq_strict(False)]


def noting(app):
    @app.task(name="note")
    async def note(**given): ...

    return note


async def run(app):
    options = {"wait": False, "install_signal_handlers": False}
    await asyncio.wait_for(app.run_worker_async(**options), 20)


async def listening(app):
    note, told = noting(app), []

    async def tell(*, channel, notification):
        told.append((channel, dict(notification)))

    manager = app.job_manager
    listeners = [
        asyncio.create_task(manager.listen_for_jobs(on_notification=tell, queues=queues))
        for queues in (None, ["b"])
    ]
    await asyncio.sleep(0.3)  # until the database is listened to
    await note.configure(queue="a").defer_async()
    await note.configure(queue="b").defer_async()
    await manager.cancel_job_by_id_async(1, abort=True)
    worker = await manager.register_worker()
    await manager.fetch_job(None, worker)
    await manager.cancel_job_by_id_async(2, abort=True)
    await wait_until(lambda: len(told) == 5)
    for listener in listeners:
        listener.cancel()
    await asyncio.gather(*listeners, return_exceptions=True)
    return sorted(map(str, told))


async def ticks(app):
    note, manager, deferred = noting(app), app.job_manager, []
    for periodic_id, at in (("", 60), ("", 60), ("a", 60), ("", 120), ("", 60)):
        job = note.configure(task_kwargs={"timestamp": at}).job
        deferred.append(await manager.defer_periodic_job(job, periodic_id, at))
    return deferred[:4]


async def a_tick_behind_a_queueing_lock(app):
    note, manager = noting(app), app.job_manager
    locked = note.configure(queueing_lock="one", task_kwargs={"timestamp": 60})
    await locked.defer_async()
    try:
        await manager.defer_periodic_job(locked.job, "", 60)
    except Exception as error:
        refused = type(error).__name__
    await run(app)
    again = await manager.defer_periodic_job(locked.job, "", 60)
    return refused, again is not None


async def another_tick(app):
    job = noting(app).configure(task_kwargs={"timestamp": 60}).job
    await app.job_manager.defer_periodic_job(job, "", 120)


async def a_batch_of_jobs(app):
    note, manager = noting(app), app.job_manager
    jobs = await manager.batch_defer_jobs_async(
        [note.configure(queue=queue, task_kwargs={"n": queue}).job for queue in "ab"]
    )
    return [(job.id, job.queue, job.task_kwargs, job.status) for job in jobs]


async def cleaning(app):
    """The task itself belongs to the latest app of a process; one's own may call it."""
    package = type(app).__module__.rpartition(".")[0]
    remove_old_jobs = import_module(f"{package}.builtin_tasks").remove_old_jobs

    @app.task(name="clean", pass_context=True)
    async def clean(context, **options):
        await remove_old_jobs(context, **options)

    await noting(app).batch_defer_async({}, {})
    await clean.defer_async()  # without max_hours: it fails
    await run(app)
    await asyncio.sleep(0.01)
    told = []
    for options in ({"max_hours": 1}, {"max_hours": 0}, {"max_hours": 0, "remove_failed": True}):
        await clean.defer_async(**options)
        await run(app)
        jobs = await app.job_manager.list_jobs_async()
        told.append([(job.id, job.status) for job in jobs][:4])
    return told


SCENARIOS = [
    listening,
    ticks,
    a_tick_behind_a_queueing_lock,
    another_tick,
    a_batch_of_jobs,
    cleaning,
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_ours_does_what_production_does(agree, scenario):
    await agree(scenario)
