"""Random histories of an app: every row after every step is as production has it."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest

pytestmark = [pytest.mark.asyncio, pytest.mark.slow, pytest.mark.taskq_strict(False)]

STEPS = 40
PAST, FAR = datetime(2020, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)
OFTEN = ["defer"] * 8 + ["run"] * 3 + ["batch", "fetch", "cancel", "retry", "finish"] * 2
STEP_NAMES = [*OFTEN, "list", "tick"]


def tasks_of(app, library):
    """Tasks that end in all ways; retries are at once or in an hour."""

    def retries(**wait):
        return library.RetryStrategy(max_attempts=2, **wait)

    async def fine(**given): ...

    async def fails(**given):
        raise ValueError(given)

    async def aborts(**given):
        raise library.exceptions.JobAborted

    async def is_cancelled(**given):
        raise asyncio.CancelledError

    async def has_a_child(context, **given):
        await tasks[0].configure(lock=context.job.lock, priority=1).defer_async(born=True)

    def fine_in_a_thread(**given):
        return given

    tasks = [
        app.task(name="fine")(fine),
        app.task(name="fails")(fails),
        app.task(name="fails twice", retry=retries(wait=0))(fails),
        app.task(name="fails later", retry=retries(wait=3600))(fails),
        app.task(name="aborts")(aborts),
        app.task(name="is cancelled")(is_cancelled),
        app.task(name="has a child", pass_context=True)(has_a_child),
        app.task(name="in a thread")(fine_in_a_thread),
        app.task(name="alone", queueing_lock="alone", lock="alone", queue="other")(fine),
    ]
    return tasks


class History:
    """One app and what is done to it, all chosen by a seed."""

    def __init__(self, app, seed):
        self.app = app
        self.manager = app.job_manager
        self.library = import_module(type(app).__module__.rpartition(".")[0])
        self.tasks = tasks_of(app, self.library)
        self.any = random.Random(seed)
        self.worker = None
        self.ticks = 0

    async def jobs(self):
        return sorted(await self.manager.list_jobs_async(), key=lambda job: job.id)

    async def a_job(self):
        """Some job, by its place: what was refused uses up a number on a database."""
        jobs = await self.jobs()
        return self.any.choice(jobs).id if jobs else 99

    def deferrer(self):
        options = {
            "lock": self.any.choice([None, None, "a", "b"]),
            "queueing_lock": self.any.choice([None, None, None, "one"]),
            "priority": self.any.choice([None, 0, 5, -5]),
            "queue": self.any.choice([None, None, "other"]),
            "schedule_at": self.any.choice([None, None, None, PAST, FAR]),
        }
        given = {name: value for name, value in options.items() if value is not None}
        return self.any.choice(self.tasks).configure(**given)

    async def defer(self):
        await self.deferrer().defer_async(n=self.any.randrange(9))

    async def batch(self):
        await self.deferrer().batch_defer_async(
            *[{"n": n} for n in range(self.any.randrange(1, 4))]
        )

    async def run(self):
        queues = self.any.choice([None, None, ["default"], ["other"]])
        delete_jobs = self.any.choice(["never", "never", "successful", "always"])
        await self.app.run_worker_async(
            wait=False, install_signal_handlers=False, queues=queues, delete_jobs=delete_jobs
        )

    async def fetch(self):
        if self.worker is None:
            self.worker = await self.manager.register_worker()
        job = await self.manager.fetch_job(self.any.choice([None, ["other"]]), self.worker)
        return job and job.task_name

    async def cancel(self):
        abort, delete_job = self.any.random() < 0.5, self.any.random() < 0.3
        return await self.manager.cancel_job_by_id_async(
            await self.a_job(), abort=abort, delete_job=delete_job
        )

    async def retry(self):
        priority, lock = self.any.choice([None, 9]), self.any.choice([None, "a", "z"])
        at = self.any.choice([PAST, FAR])
        await self.manager.retry_job_by_id_async(await self.a_job(), at, priority, lock=lock)

    async def finish(self):
        status = self.any.choice(["succeeded", "failed", "aborted"])
        delete_job = self.any.random() < 0.3
        await self.manager.finish_job_by_id_async(
            await self.a_job(), self.library.jobs.Status(status), delete_job
        )

    async def list(self):
        queue = self.any.choice([None, "default"])
        found = await self.manager.list_queues_async(queue=queue)
        return sorted((each["name"], int(each["jobs_count"]), each["todo"]) for each in found)

    async def tick(self):
        self.ticks += 60
        job = self.tasks[0].configure(task_kwargs={"timestamp": self.ticks}).job
        return bool(await self.manager.defer_periodic_job(job, "", self.ticks))

    async def step(self):
        name = self.any.choice(STEP_NAMES)
        try:
            answer = await asyncio.wait_for(getattr(self, name)(), 20)
        except Exception as error:
            answer = type(error).__name__
        return name, answer, [row(job) for job in await self.jobs()]


def row(job):
    scheduled = job.scheduled_at
    if scheduled is not None and scheduled not in {PAST, FAR}:
        scheduled = "in an hour" if scheduled - datetime.now(UTC) > timedelta(minutes=30) else "now"
    named = job.task_name, job.queue, job.lock, job.queueing_lock, dict(job.task_kwargs)
    return *named, job.status, job.priority, job.attempts, scheduled, job.abort_requested


@pytest.mark.parametrize("seed", range(8))
async def test_all_rows_are_the_same_after_each_step(agree, seed):
    async def scenario(app):
        history = History(app, seed)
        return [await history.step() for _ in range(STEPS)]

    await agree(scenario)
