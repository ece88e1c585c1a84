"""Locks: jobs of one lock run one by one and in strict order, as in production."""

import asyncio

import pytest

from pytest_taskq.procrastinate import App, RetryStrategy


def note(app: App, n, **options):
    app.configure_task("note", **options).defer(n=n)


def statuses(app: App):
    return [row.status for row in app.connector.jobs.values()]


def test_a_lock_waits_for_an_earlier_job_that_is_scheduled(app, ran, taskq_clock):
    note(app, 1, lock="l", schedule_in={"hours": 1})
    note(app, 2, lock="l")
    app.run_worker(wait=False)
    assert ran == []
    taskq_clock.advance(hours=1)
    app.run_worker(wait=False)
    assert ran == [1, 2]


def test_a_lock_waits_for_an_earlier_job_in_a_queue_that_nobody_reads(app, ran):
    note(app, 1, lock="l", queue="unread")
    note(app, 2, lock="l")
    app.run_worker(wait=False, queues=["default"])
    assert ran == []


def test_a_lock_goes_to_the_higher_priority_first(app, ran):
    note(app, 1, lock="l")
    note(app, 2, lock="l", priority=1)
    app.run_worker(wait=False, concurrency=2)
    assert ran == [2, 1]


def test_a_lock_waits_for_a_retry(app, ran, taskq_clock):
    @app.task(lock="l", retry=RetryStrategy(max_attempts=1, wait=60))
    async def fail():
        raise ValueError

    fail.defer()
    note(app, 2, lock="l")
    app.run_worker(wait=False)
    assert (ran, statuses(app)) == ([], ["todo", "todo"])
    taskq_clock.advance(60)
    app.run_worker(wait=False)
    assert (ran, statuses(app)) == ([2], ["failed", "succeeded"])


@pytest.mark.asyncio
async def test_jobs_of_one_lock_never_run_at_once(app):
    busy = []

    @app.task
    async def hold(n):
        assert not busy
        busy.append(n)
        await asyncio.sleep(0)
        busy.remove(n)

    await hold.configure(lock="l").batch_defer_async(*({"n": n} for n in range(5)))
    await app.run_worker_async(wait=False, concurrency=5)
    assert statuses(app) == ["succeeded"] * 5


def test_a_retry_whose_queueing_lock_was_taken_fails_and_says_why(app, ran):
    @app.task(retry=2, queueing_lock="one")
    async def fail():
        await app.configure_task("note", queueing_lock="one").defer_async(n=1)
        raise ValueError("no")

    fail.defer()
    app.run_worker(wait=False)
    assert (statuses(app), ran) == (["failed", "succeeded"], [1])
