"""Procrastinate: a retry strategy of one's own, alone and in a worker.

A photo lab develops films. Its chemistry fails now and then, and a film is tried again after a
pause that doubles each time.
"""

from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace

import pytest

from pytest_taskq.procrastinate import BaseRetryStrategy, RetryDecision
from pytest_taskq.procrastinate.jobs import Job


class LabError(Exception):
    """Something in the lab went wrong and may go right the next time."""


class BathTooCold(LabError):
    """The developer bath has not warmed up yet."""


@dataclass(frozen=True, kw_only=True)
class DoublingPause(BaseRetryStrategy):
    """The user's own strategy: base, 2 * base, 4 * base, ... seconds, up to a longest pause."""

    max_attempts: int
    base_delay: float = 1.0
    max_delay: float = 3600.0
    only_for: tuple[type[BaseException], ...] = (Exception,)

    def get_retry_decision(self, *, exception, job):
        if job.attempts >= self.max_attempts or not isinstance(exception, self.only_for):
            return None
        pause = min(self.base_delay * 2**job.attempts, self.max_delay)
        return RetryDecision(retry_in={"seconds": pause})


@pytest.fixture
def mock_settings():
    """Settings of the lab, small enough for a test."""
    return SimpleNamespace(retries=3, base_delay=1.0, max_delay=60.0)


@pytest.fixture
def strategy(mock_settings):
    return DoublingPause(
        max_attempts=mock_settings.retries,
        base_delay=mock_settings.base_delay,
        max_delay=mock_settings.max_delay,
    )


def film(attempts: int) -> Job:
    return Job(queue="films", lock=None, queueing_lock=None, task_name="develop", attempts=attempts)


@pytest.mark.taskq_time("2031-05-04T08:00:00+00:00")
def test_the_pause_doubles(strategy, taskq_clock):
    pauses = [
        strategy.get_retry_decision(exception=LabError(), job=film(attempts)).retry_at
        - taskq_clock.time()
        for attempts in range(3)
    ]
    assert pauses == [timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=4)]


def test_no_attempt_after_the_last(strategy):
    assert strategy.get_retry_decision(exception=LabError(), job=film(2)) is not None
    assert strategy.get_retry_decision(exception=LabError(), job=film(3)) is None


@pytest.mark.taskq_time("2031-05-04T08:00:00+00:00")
def test_the_pause_has_a_longest(taskq_clock):
    strategy = DoublingPause(max_attempts=100, base_delay=1.0, max_delay=60.0)
    decision = strategy.get_retry_decision(exception=LabError(), job=film(50))
    assert decision.retry_at == taskq_clock.time() + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("error", "retried"), [(BathTooCold(), True), (LabError(), False), (KeyError(), False)]
)
def test_only_some_errors_are_worth_a_retry(error, retried):
    strategy = DoublingPause(max_attempts=3, only_for=(BathTooCold,))
    decision = strategy.get_retry_decision(exception=error, job=film(0))
    assert (decision is not None) is retried


@pytest.mark.asyncio
async def test_the_error_of_a_task_can_be_expected_around_the_worker(in_memory_app, strategy):
    @in_memory_app.task(queue="films", retry=strategy)
    async def develop():
        raise BathTooCold("17 degrees")

    await develop.defer_async()

    with pytest.raises(BathTooCold, match="17 degrees"):
        await in_memory_app.run_worker_async(wait=False, raise_errors=True)

    # It was one run of four: the next one is due in a second.
    assert in_memory_app.connector.jobs[0].status == "todo"


@pytest.mark.asyncio
async def test_without_the_option_the_error_stays_in_the_job(in_memory_app):
    @in_memory_app.task(queue="films")
    async def develop():
        raise BathTooCold("17 degrees")

    await develop.defer_async()
    await in_memory_app.run_worker_async(wait=False)

    assert in_memory_app.connector.jobs[0].status == "failed"


@pytest.mark.asyncio
@pytest.mark.taskq_time("2031-05-04T08:00:00+00:00")
async def test_a_worker_keeps_to_the_strategy_to_the_microsecond(
    in_memory_app, strategy, taskq_clock
):
    tried = []

    @in_memory_app.task(queue="films", retry=strategy)
    async def develop():
        tried.append(taskq_clock.time())
        raise BathTooCold

    start = taskq_clock.time()
    await develop.defer_async()
    (job,) = in_memory_app.connector.jobs.values()

    while job.status == "todo":
        await in_memory_app.run_worker_async(wait=False)
        if job.status == "todo":
            taskq_clock.move_to(job.scheduled_at - timedelta(microseconds=1))
            await in_memory_app.run_worker_async(wait=False)  # a moment too early for anything
            taskq_clock.move_to(job.scheduled_at)

    assert [at - start for at in tried] == [timedelta(seconds=s) for s in (0, 1, 3, 7)]
    assert (job.status, job.attempts) == ("failed", 4)
