"""Retry and ExponentialRetry: how often, and when."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from pytest_taskq.core.errors import BadOption
from pytest_taskq.docket import ExecutionState, ExponentialRetry, Retry
from pytest_taskq.docket.dependencies import ForcedRetry

pytestmark = pytest.mark.asyncio

SECOND = timedelta(seconds=1)


@pytest.fixture
def times(docket, worker):
    """Run a task that always fails, and give the seconds between its attempts."""

    async def times(retry_as_declared, most=None):
        at = []

        async def fail(retry: Retry = retry_as_declared):
            at.append(docket.queue.clock.time())
            assert retry.attempt == len(at)
            raise ValueError

        execution = await docket.add(fail, key="k")()
        await worker.run_at_most({"k": most} if most else {})
        await execution.sync()
        seconds = [round((b - a).total_seconds()) for a, b in pairwise(at)]
        return seconds, execution.state

    return times


@pytest.mark.parametrize(
    ("retry", "seconds"),
    [
        (Retry(), []),
        (Retry(attempts=3), [0, 0]),
        (Retry(attempts=3, delay=7 * SECOND), [7, 7]),
        (ExponentialRetry(attempts=5), [1, 2, 4, 8]),
        (ExponentialRetry(5, minimum_delay=3 * SECOND, maximum_delay=10 * SECOND), [3, 6, 10, 10]),
        (ExponentialRetry(3, minimum_delay=timedelta(0)), [0, 0]),
    ],
)
async def test_attempts_are_counted_and_spaced_as_declared(times, retry, seconds):
    assert await times(retry) == (seconds, ExecutionState.FAILED)


@pytest.mark.parametrize("kind", [Retry, ExponentialRetry])
async def test_for_ever_has_no_last_attempt(times, kind):
    retry = kind.forever()
    assert retry.attempts is None
    seconds, state = await times(retry, most=80)
    assert (len(seconds), state) == (79, ExecutionState.CANCELLED)


async def test_a_late_exponential_delay_stays_at_its_maximum():
    retry = ExponentialRetry.forever(delay=SECOND, maximum_delay=64 * SECOND)
    assert retry._delay_after(10**9) == 64 * SECOND


async def test_a_task_that_succeeds_is_not_tried_again(docket, worker):
    attempts = []

    async def brew(retry: Retry = Retry(attempts=5)):
        attempts.append(retry.attempt)
        if retry.attempt < 3:
            raise ValueError

    await docket.add(brew)()
    await worker.run_until_finished()
    assert attempts == [1, 2, 3]


@pytest.mark.parametrize("wish", ["after", "at", "past"])
async def test_the_task_may_say_when(docket, worker, taskq_clock, wish):
    attempts = []
    now = taskq_clock.time()

    async def brew(retry: Retry = Retry(attempts=2, delay=timedelta(days=9))):
        attempts.append(retry.attempt)
        if wish == "after":
            retry.after(timedelta(hours=1))
        retry.at(now + timedelta(hours=1 if wish == "at" else -1))

    execution = await docket.add(brew)()
    await worker.run_until_finished()
    if wish != "past":
        assert attempts == [1]
        taskq_clock.advance(hours=1)
        await worker.run_until_finished()
    assert attempts == [1, 2]
    with pytest.raises(ForcedRetry):
        await execution.get_result()


async def test_a_time_without_a_zone_is_an_error_of_the_task(docket, worker):
    async def brew(retry: Retry = Retry(attempts=1)):
        retry.at(datetime(2030, 1, 1))

    execution = await docket.add(brew)()
    await worker.run_until_finished()
    with pytest.raises(BadOption, match="time zone"):
        await execution.get_result()


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"delay": -SECOND}])
async def test_what_can_mean_nothing_is_refused(wrong):
    with pytest.raises(BadOption):
        Retry(**wrong)


async def test_called_directly_it_is_the_first_attempt_and_its_words_work():
    retry = Retry(attempts=1)
    assert retry.attempt == 1
    with pytest.raises(ForcedRetry, match="again after 0:00:01"):
        retry.after(SECOND)
