"""Procrastinate: tasks that talk to the outside, with the outside mocked.

The photo lab hands parcels to a courier whose service is slow, fails, or answers twice.
"""

import asyncio
from unittest.mock import AsyncMock, call

import pytest

from pytest_taskq.procrastinate import RetryStrategy


class CourierDown(Exception):
    """The service of the courier did not answer as it should."""


@pytest.fixture
def courier():
    """The client of the courier's service."""
    return AsyncMock()


@pytest.fixture
def hand_over(in_memory_app, courier):
    labels = {}

    @in_memory_app.task(
        name="hand_over",
        retry=RetryStrategy(max_attempts=3, wait=30, retry_exceptions=[CourierDown, TimeoutError]),
    )
    async def hand_over(parcel):
        """Ask for a label once for each parcel, and give the courier a minute to answer."""
        if parcel not in labels:
            async with asyncio.timeout(60):
                labels[parcel] = await courier.label(parcel)

    hand_over.labels = labels
    return hand_over


async def work_until_done(app, clock, job):
    while job.status == "todo":
        await app.run_worker_async(wait=False)
        if job.status == "todo":
            clock.move_to(job.scheduled_at)


@pytest.mark.asyncio
async def test_a_service_that_comes_back_is_asked_again(
    in_memory_app, hand_over, courier, taskq_clock
):
    courier.label.side_effect = [CourierDown, CourierDown, "L-1"]
    start = taskq_clock.time()
    await hand_over.defer_async(parcel="P-1")
    job = in_memory_app.connector.jobs[0]

    await work_until_done(in_memory_app, taskq_clock, job)

    assert (job.status, job.attempts) == ("succeeded", 3)
    assert courier.label.await_args_list == [call("P-1")] * 3
    assert (taskq_clock.time() - start).total_seconds() == 60
    assert hand_over.labels == {"P-1": "L-1"}


@pytest.mark.asyncio
async def test_a_service_that_stays_away_fails_the_job(
    in_memory_app, hand_over, courier, taskq_clock
):
    courier.label.side_effect = CourierDown
    await hand_over.defer_async(parcel="P-1")
    job = in_memory_app.connector.jobs[0]

    await work_until_done(in_memory_app, taskq_clock, job)

    assert (job.status, job.attempts) == ("failed", 4)


@pytest.mark.asyncio
async def test_an_answer_that_comes_too_late_is_not_waited_for(in_memory_app, courier):
    @in_memory_app.task
    async def hand_over_quickly(parcel):
        async with asyncio.timeout(0):
            await courier.label(parcel)

    async def silence(parcel):
        await asyncio.Event().wait()

    courier.label.side_effect = silence
    await hand_over_quickly.defer_async(parcel="P-1")

    with pytest.raises(TimeoutError):
        await in_memory_app.run_worker_async(wait=False, raise_errors=True)

    assert in_memory_app.connector.jobs[0].status == "failed"


@pytest.mark.asyncio
async def test_an_error_that_no_retry_can_mend_fails_at_once(in_memory_app, hand_over, courier):
    courier.label.side_effect = KeyError("no such parcel")
    await hand_over.defer_async(parcel="P-1")

    await in_memory_app.run_worker_async(wait=False)

    job = in_memory_app.connector.jobs[0]
    assert (job.status, job.attempts) == ("failed", 1)


@pytest.mark.asyncio
async def test_the_same_order_twice_asks_for_one_label(in_memory_app, hand_over, courier):
    courier.label.return_value = "L-1"
    await hand_over.batch_defer_async({"parcel": "P-1"}, {"parcel": "P-1"})

    await in_memory_app.run_worker_async(wait=False)

    assert [job.status for job in in_memory_app.connector.jobs.values()] == ["succeeded"] * 2
    courier.label.assert_awaited_once_with("P-1")


def test_a_sync_task_does_the_same_in_a_thread(in_memory_app):
    asked = []

    @in_memory_app.task(retry=True)
    def hand_over_by_phone(parcel):
        asked.append(parcel)
        if len(asked) < 3:
            raise CourierDown

    hand_over_by_phone.defer(parcel="P-1")
    in_memory_app.run_worker(wait=False)

    assert asked == ["P-1"] * 3
    assert in_memory_app.connector.jobs[0].status == "succeeded"
