"""When a task would be tried again, and when a periodic one runs, as plain lists."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from pytest_taskq import job
from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.schedule import Cron
from pytest_taskq.docket import ExponentialRetry, Perpetual, Retry
from pytest_taskq.engine.under_test import TaskInfo
from pytest_taskq.procrastinate import RetryStrategy
from pytest_taskq.testing.plans import cron_plan, retry_plan

START = datetime(2030, 1, 1, tzinfo=UTC)


def seconds(plan):
    return [delay.total_seconds() for delay in plan]


async def steady(retry=Retry(attempts=3, delay=timedelta(seconds=10))): ...


async def for_ever(retry=Retry(attempts=None, delay=timedelta(seconds=1))): ...


async def beat(perpetual=Perpetual(every=timedelta(hours=6))): ...


def test_of_docket(taskq, docket):
    for task in (steady, for_ever, beat):
        docket.register(task)
    assert taskq.retry_plan(steady) == [timedelta(seconds=10)] * 2
    assert taskq.retry_plan("steady") == taskq.retry_plan(job(steady)) == taskq.retry_plan(steady)
    assert taskq.retry_plan(beat) == []
    assert len(taskq.retry_plan(for_ever)) == 100
    assert len(taskq.retry_plan(for_ever, limit=3)) == 3


def test_the_plan_is_what_really_happens(taskq, docket):
    async def fails(retry=ExponentialRetry(attempts=4, minimum_delay=timedelta(seconds=10))):
        raise OSError

    docket.register(fails)
    taskq.enqueue(job(fails))
    ran = taskq.drain(until="1h", errors="retry")
    taskq.assert_outcome(fails, "dead")
    claims = [event.at for event in ran[0].events if event.verb == "claim"]
    waits = [(after - before) / 1e6 for before, after in pairwise(claims)]
    assert waits == pytest.approx(seconds(taskq.retry_plan(fails)), abs=1.0)


def test_of_procrastinate_the_policy_may_ask_what_was_raised(taskq, in_memory_app):
    policy = RetryStrategy(max_attempts=3, linear_wait=5, retry_exceptions=[OSError])

    @in_memory_app.task(name="send", retry=policy)
    def send(): ...

    assert taskq.retry_plan(send, error=ValueError("no")) == []
    assert seconds(taskq.retry_plan(send, error=OSError())) == [0, 5, 10]
    assert taskq.retry_plan(send, error=OSError) == taskq.retry_plan(send, error=OSError())


def test_of_soniq(taskq, soniq_app):
    @soniq_app.job(name="sync", retries=2, retry_delay=60, retry_backoff=True)
    async def sync(): ...

    assert len(taskq.retry_plan(sync)) == 2


@pytest.mark.taskq_time(START)
def test_the_next_runs_of_a_periodic_task(taskq, docket):
    docket.register(beat)
    assert taskq.cron_plan(beat, 3) == [START + timedelta(hours=6 * n) for n in (1, 2, 3)]


def test_the_runs_of_a_crontab_are_told_in_its_zone_across_a_change_of_the_clock():
    from zoneinfo import ZoneInfo

    task = TaskInfo("nightly", schedule=Cron("0 4 * * *", ZoneInfo("Europe/Berlin")))
    now = int(datetime(2026, 3, 27, tzinfo=UTC).timestamp()) * 1_000_000
    plan = cron_plan(task, 4, now)
    assert [when.hour for when in plan] == [4] * 4
    assert [when.astimezone(UTC).hour for when in plan] == [3, 3, 2, 2]


def test_a_task_that_is_not_periodic_is_told_so(taskq, docket):
    docket.register(steady)
    with pytest.raises(BadOption) as caught:
        taskq.cron_plan(steady, 3)
    assert str(caught.value) == (
        "The task 'steady' runs at no times of its own. It has no schedule. "
        "Use cron_plan() for periodic tasks, retry_plan() for the others."
    )


@pytest.mark.parametrize("n", [0, -1, True, 2.0, "3"])
def test_a_number_of_runs_that_is_none_is_refused(taskq, docket, n):
    docket.register(beat)
    docket.register(steady)
    with pytest.raises(BadOption, match="1 or more"):
        taskq.cron_plan(beat, n)
    with pytest.raises(BadOption, match="1 or more"):
        taskq.retry_plan(steady, limit=n)


def test_an_error_that_is_none_is_refused(taskq, docket):
    docket.register(steady)
    with pytest.raises(BadOption, match="an exception"):
        taskq.retry_plan(steady, error="boom")


def test_a_task_without_a_policy_is_not_tried_again():
    assert retry_plan(TaskInfo("plain"), None, 100) == []


@pytest.mark.parametrize("name", ["retry_plan", "cron_plan"])
def test_a_task_that_is_not_there_is_told_with_the_nearest(taskq, docket, name):
    docket.register(steady)
    arguments = (3,) if name == "cron_plan" else ()
    with pytest.raises(BadOption, match="The nearest is 'steady'"):
        getattr(taskq, name)("stedy", *arguments)
