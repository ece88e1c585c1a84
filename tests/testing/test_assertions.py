"""Assertions on jobs: what they count, what they give, and how they are used wrongly."""

from datetime import timedelta

import pytest

from pytest_taskq import job
from pytest_taskq.core.errors import BadOption
from pytest_taskq.docket import Retry


async def charge(cart_id, retry=Retry(attempts=3, delay=timedelta(seconds=10))):
    if cart_id < 0:
        raise LookupError("no such cart")


async def receipt(cart_id): ...


@pytest.fixture(autouse=True)
def shop(docket):
    docket.register(charge)
    docket.register(receipt)
    return docket


@pytest.fixture
def placed(taskq):
    """Three jobs: two charges and a receipt."""
    return [taskq.enqueue(each).job for each in (job(charge, 7), job(receipt, 7), job(charge, 8))]


def test_the_job_is_given_back(taskq, placed):
    assert taskq.assert_enqueued(job(charge, 8)).id == placed[2].id
    assert [seen.id for seen in taskq.assert_enqueued(charge, times=2)] == [1, 3]
    assert [seen.id for seen in taskq.assert_enqueued(charge, times=None)] == [1, 3]
    assert [seen.id for seen in taskq.assert_enqueued([charge, receipt, charge])] == [1, 2, 3]


def test_once_means_exactly_once(taskq, placed):
    with pytest.raises(AssertionError, match=r"expected job\(charge\) 1 time, got 2"):
        taskq.assert_enqueued(charge)


def test_a_failure_is_told_in_a_few_lines_however_large_the_arguments(taskq):
    taskq.enqueue(job(receipt, list(range(20_000))))
    wanted = job(receipt, list(range(1, 20_001)))
    with pytest.raises(AssertionError) as caught:
        taskq.assert_enqueued(wanted, queue="mail")
    lines = str(caught.value).splitlines()
    assert len(lines) < 50
    assert max(map(len, lines)) < 120
    assert "... 19,981 more differ ..." in lines[-1]
    with pytest.raises(AssertionError) as caught:
        taskq.assert_enqueued([wanted] * 1_000)
    assert len(str(caught.value)) < 5_000
    with pytest.raises(BadOption) as refused:
        taskq.assert_enqueued(job(receipt, *wanted.args, 8))
    assert len(str(refused.value)) < 5_000


@pytest.mark.parametrize(
    "wanted",
    [
        [charge, receipt],
        [charge, receipt, charge, charge],
        [receipt, charge, charge],
        [charge, receipt, job(charge, 9)],
        [],
    ],
    ids=len,
)
def test_a_list_means_exactly_these_in_this_order(taskq, placed, wanted):
    with pytest.raises(AssertionError, match="expected exactly"):
        taskq.assert_enqueued(wanted)


def test_an_empty_list_is_met_by_an_empty_queue(taskq):
    assert taskq.assert_enqueued([]) == []
    assert taskq.assert_executed([]) == []


def test_history_counts_and_not_only_what_waits(taskq, placed):
    taskq.drain()
    taskq.assert_enqueued(job(charge, 7))
    assert taskq.jobs(state="queued") == []


def test_nothing_is_met_by_a_queue_on_which_nothing_was_put(taskq):
    taskq.assert_not_enqueued()
    taskq.assert_not_enqueued(charge)
    taskq.enqueue(job(receipt, 7))
    taskq.assert_not_enqueued(charge)
    with pytest.raises(AssertionError, match="expected no job, got 1"):
        taskq.assert_not_enqueued()


def test_a_text_that_is_nearly_a_name_cannot_be_refuted(taskq, placed):
    with pytest.raises(BadOption) as caught:
        taskq.assert_not_enqueued("recipt")
    assert str(caught.value) == (
        "There is no task 'recipt'. The nearest is 'receipt'. Correct it, or give the function."
    )
    taskq.assert_not_enqueued("welcome")


@pytest.mark.parametrize("call", ["assert_enqueued", "assert_executed"])
def test_arguments_that_are_given_beside_the_task_are_refused(taskq, placed, call):
    with pytest.raises(BadOption, match=rf"Write taskq.{call}\(job\(charge, 8\)\)"):
        getattr(taskq, call)(charge, 8)


@pytest.mark.parametrize("times", [0, -1, True, 1.0, "1"])
def test_a_number_of_times_that_cannot_be_asserted_is_refused(taskq, placed, times):
    with pytest.raises(BadOption, match="For none at all use assert_not_enqueued"):
        taskq.assert_enqueued(charge, times=times)
    with pytest.raises(BadOption, match="times is a whole number"):
        taskq.assert_executed(charge, times=times)


def test_a_list_says_how_often_by_itself(taskq, placed):
    for call in (taskq.assert_enqueued, taskq.assert_executed):
        with pytest.raises(BadOption, match="Name a job in it as often as it is expected"):
            call([charge, receipt, charge], times=2)


def test_an_outcome_is_that_of_one_job(taskq, placed):
    taskq.drain()
    assert taskq.assert_outcome(job(charge, 7), "succeeded", attempts=1).id == 1
    with pytest.raises(AssertionError, match="2 jobs match"):
        taskq.assert_outcome(charge, "succeeded")
    with pytest.raises(AssertionError, match="no job matches"):
        taskq.assert_outcome(job(charge, 9), "succeeded")
    with pytest.raises(BadOption, match="It was asked for 'done'"):
        taskq.assert_outcome(charge, "done")


@pytest.mark.taskq_time("2030-01-01")
def test_an_outcome_can_be_on_the_way(taskq):
    taskq.enqueue(job(charge, -1), at="1h")
    taskq.assert_outcome(charge, "scheduled", attempts=0)
    taskq.drain(until="1h", errors="retry")
    taskq.assert_outcome(charge, "retrying", error="no such cart", attempts=1)
    with pytest.raises(AssertionError, match="got 'queued'  <- due in 10 s"):
        taskq.assert_outcome(charge, "dead")
    taskq.drain(until="1m", errors="retry")
    taskq.assert_outcome(charge, "dead", error="no such cart", attempts=3)


def test_each_attempt_counts_as_an_execution(taskq, placed):
    taskq.enqueue(job(charge, -1))
    taskq.drain(until="1m", errors="retry")
    assert len(taskq.assert_executed(job(charge, -1), times=3)) == 3
    taskq.assert_executed(charge, times=None)
    taskq.assert_executed([job(charge, 7), receipt, job(charge, 8), *[job(charge, -1)] * 3])
    with pytest.raises(AssertionError, match="expected attempts of"):
        taskq.assert_executed(job(receipt, 9), times=None)
    taskq.jobs(state="dead")


def test_a_block_that_raised_has_ended_too(taskq):
    def fails():
        taskq.enqueue(job(charge, 7))
        raise KeyError

    with pytest.raises(KeyError), taskq.capture() as new:
        fails()
    taskq.enqueue(job(charge, 8))
    new.assert_enqueued([job(charge, 7)])


def test_blocks_can_be_nested(taskq):
    with taskq.capture() as outer:
        taskq.enqueue(job(charge, 1))
        with taskq.capture() as inner:
            taskq.enqueue(job(charge, 2))
        inner.assert_enqueued([job(charge, 2)])
    outer.assert_enqueued([job(charge, 1), job(charge, 2)])


def test_a_block_that_was_entered_too_late_says_so(taskq, placed):
    with taskq.capture() as new:
        taskq.enqueue(job(charge, 9))
    taskq.enqueue(job(charge, 8))
    with pytest.raises(AssertionError, match=r"\n1 such job was enqueued before the block$"):
        new.assert_enqueued(job(charge, 8))
    with pytest.raises(AssertionError, match=r"\n1 such job was enqueued before the block$"):
        new.assert_outcome(receipt, "succeeded")
    taskq.enqueue(job(charge, 7))
    with taskq.capture() as later, pytest.raises(AssertionError, match="2 such jobs were enqueued"):
        later.assert_enqueued(job(charge, 7), queue="default")
    with pytest.raises(AssertionError) as caught:
        new.assert_enqueued(job(charge, 10))
    assert "before the block" not in str(caught.value)


def test_inside_a_block_it_tells_what_happened_so_far(taskq):
    with taskq.capture() as new:
        new.assert_not_enqueued()
        taskq.enqueue(job(charge, 1))
        new.assert_enqueued(charge)


def test_a_queue_that_is_first_asked_for_inside_a_block_is_seen_too(taskq, request):
    with taskq.capture() as new:
        app = request.getfixturevalue("soniq_app")
        app.job(name="welcome")(receipt)
        taskq.enqueue(job("welcome", cart_id=1))
    new.assert_enqueued([job("welcome", cart_id=1)])


def test_jobs_can_be_looked_at_by_state(taskq, placed):
    taskq.step()
    assert taskq.jobs() == [job(charge, 7), job(receipt, 7), job(charge, 8)]
    assert taskq.jobs(charge, state="queued") == [job(charge, 8)]
    assert taskq.jobs(job(charge, 7), state="succeeded") == [job(charge, 7)]
    with pytest.raises(BadOption, match=r"for 'waiting'\. Say 'queued' here"):
        taskq.jobs(state="waiting")


def test_the_jobs_of_several_queues_are_in_the_order_of_their_time(taskq, soniq_app):
    @soniq_app.job(name="welcome")
    async def welcome(): ...

    taskq.enqueue(job(welcome))
    taskq.clock.advance(1)
    taskq.enqueue(job(charge, 7))
    taskq.clock.advance(1)
    taskq.enqueue(job(welcome))
    taskq.assert_enqueued([welcome, charge, welcome])
