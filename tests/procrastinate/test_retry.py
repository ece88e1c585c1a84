"""Retry strategies: when they decide what, on their own and in a worker."""

from datetime import UTC, datetime, timedelta

import pytest

from pytest_taskq.procrastinate import BaseRetryStrategy, RetryDecision, RetryStrategy
from pytest_taskq.procrastinate.jobs import Job
from pytest_taskq.procrastinate.retry import get_retry_strategy

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def job(attempts: int) -> Job:
    return Job(queue="q", lock=None, queueing_lock=None, task_name="t", attempts=attempts)


def seconds(strategy: BaseRetryStrategy, attempts: int, error: BaseException | None = None):
    decision = strategy.get_retry_decision(exception=error or ValueError(), job=job(attempts))
    return None if decision is None else (decision.at(NOW) - NOW).total_seconds()


@pytest.mark.parametrize(
    ("options", "waits"),
    [
        ({"max_attempts": 2}, [0, 0, None]),
        ({"max_attempts": 3, "wait": 5}, [5, 5, 5, None]),
        ({"linear_wait": 10}, [0, 10, 20]),
        ({"exponential_wait": 3}, [3, 9, 27]),
        ({"wait": 1, "linear_wait": 1, "exponential_wait": 2}, [3, 6, 11]),
        ({"max_attempts": 0}, [0] * 9),
    ],
)
def test_a_strategy_waits(options, waits):
    strategy = RetryStrategy(**options)
    assert [seconds(strategy, attempts) for attempts in range(len(waits))] == waits


def test_a_strategy_retries_after_the_named_exceptions_only():
    strategy = RetryStrategy(retry_exceptions=[OSError, KeyError])
    assert seconds(strategy, 0, TimeoutError()) == 0
    assert seconds(strategy, 0, ValueError()) is None


def test_the_retry_option_stands_for_a_strategy():
    own = RetryStrategy(wait=1)
    assert [get_retry_strategy(value) for value in (False, 0, None)] == [None] * 3
    assert get_retry_strategy(True) == RetryStrategy(max_attempts=None)
    assert get_retry_strategy(2) == RetryStrategy(max_attempts=2)
    assert get_retry_strategy(own) is own


def test_a_decision_is_for_one_instant():
    assert RetryDecision().at(NOW) == NOW
    assert RetryDecision(retry_in={"minutes": 1}).at(NOW) == NOW + timedelta(minutes=1)
    assert RetryDecision(retry_at=NOW).retry_at == NOW
    with pytest.raises(ValueError):
        RetryDecision(retry_at=NOW, retry_in={"minutes": 1})
    with pytest.raises(ValueError):
        RetryDecision(retry_at=datetime(2030, 1, 1))
    with pytest.raises(TypeError, match=r"retry_in is a dict .* It is {'minute': 1}"):
        RetryDecision(retry_in={"minute": 1})


@pytest.mark.taskq_time(start=NOW)
def test_a_decision_counts_from_the_time_of_the_test(taskq_clock):
    decision = RetryDecision(retry_in={"hours": 1})
    assert decision.retry_at == NOW + timedelta(hours=1)


def test_a_strategy_may_send_the_job_elsewhere(in_memory_app, taskq_clock):
    class Elsewhere(BaseRetryStrategy):
        def get_retry_decision(self, *, exception, job):
            assert (job.attempts, job.status, str(exception)) == (0, "doing", "no")
            return RetryDecision(
                retry_in={"minutes": 1}, priority=job.priority + 1, queue="slow", lock="new"
            )

    @in_memory_app.task(name="t", retry=Elsewhere(), lock="old", queueing_lock="one")
    async def t():
        raise ValueError("no")

    t.defer()
    in_memory_app.run_worker(wait=False)
    row = in_memory_app.connector.jobs[0]
    assert (row.status, row.attempts, row.priority, row.queue) == ("todo", 1, 1, "slow")
    assert (row.lock, row.queueing_lock) == ("new", "one")
    assert row.scheduled_at == taskq_clock.time() + timedelta(minutes=1)


def test_the_older_form_of_a_strategy_works_and_says_that_it_is_old():
    class Older(BaseRetryStrategy):
        def get_schedule_in(self, *, exception, attempts):
            return None if attempts else 30

    with pytest.warns(DeprecationWarning, match="get_retry_decision"):
        assert seconds(Older(), 0) == 30
    with pytest.warns(DeprecationWarning, match="Older"):
        assert seconds(Older(), 1) is None


def test_a_strategy_that_decides_nothing_says_so():
    with pytest.warns(DeprecationWarning, match="older way"), pytest.raises(NotImplementedError):
        seconds(BaseRetryStrategy(), 0)


def test_a_strategy_that_breaks_fails_the_job_and_not_the_worker(in_memory_app):
    class Broken(BaseRetryStrategy):
        def get_retry_decision(self, *, exception, job):
            raise ZeroDivisionError

    @in_memory_app.task(retry=Broken())
    async def t():
        raise ValueError

    t.defer()
    in_memory_app.run_worker(wait=False)
    assert in_memory_app.connector.jobs[0].status == "failed"
