"""What is asked of a job beside its arguments: when it is due, its queue, priority and key."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from pytest_taskq import job
from pytest_taskq.core.errors import BadOption, NaiveDatetime
from pytest_taskq.core.job import Failure
from pytest_taskq.testing.asked import is_error

START = datetime(2030, 1, 1, tzinfo=UTC)
held = pytest.mark.taskq_time(START)


async def remind(who): ...


@pytest.fixture
def shop(docket):
    docket.register(remind)
    return docket


@held
@pytest.mark.parametrize(
    "at",
    [START + timedelta(days=3), timedelta(days=3), "3d", "2d 24h", 259_200],
    ids=["datetime", "timedelta", "text", "sum", "seconds"],
)
def test_a_due_time_can_be_written_in_several_ways(taskq, shop, at):
    taskq.enqueue(job(remind, "Ann"), at=at)
    taskq.assert_enqueued(remind, at=at)
    taskq.assert_enqueued(remind, at=START + timedelta(days=3))
    taskq.assert_not_enqueued(remind, at="3d 1s")


@held
def test_a_length_counts_from_the_moment_it_was_enqueued(taskq, shop, taskq_clock):
    taskq_clock.advance("1h")
    taskq.enqueue(job(remind, "Ann"), at="1d")
    taskq_clock.advance("1h")
    taskq.assert_enqueued(remind, at="1d")
    taskq.assert_enqueued(remind, at=START + timedelta(hours=25))


@held
def test_a_held_clock_leaves_no_slack(taskq, shop):
    taskq.enqueue(job(remind, "Ann"), at=timedelta(days=1, microseconds=1))
    taskq.assert_not_enqueued(remind, at="1d")
    taskq.assert_enqueued(remind, at="1d", within="1us")


@pytest.mark.parametrize(
    "mode",
    [
        pytest.param("auto", marks=pytest.mark.taskq_time(mode="auto")),
        pytest.param("real", marks=pytest.mark.taskq_time(mode="real")),
    ],
)
def test_a_clock_that_runs_leaves_a_second(taskq, shop, mode):
    taskq.enqueue(job(remind, "Ann"), at="1d")
    taskq.assert_enqueued(remind, at=taskq.clock.time() + timedelta(days=1))
    taskq.assert_enqueued(remind, at=timedelta(days=1, milliseconds=900))
    taskq.assert_enqueued(remind, at=timedelta(days=1, milliseconds=-900))
    taskq.assert_not_enqueued(remind, at=timedelta(days=1, seconds=2))
    taskq.assert_not_enqueued(remind, at="1d 500ms", within="10ms")


@held
def test_within_alone_means_soon(taskq, shop):
    taskq.enqueue(job(remind, "Ann"), at="30s")
    taskq.enqueue(job(remind, "Bob"), at="2m")
    assert taskq.assert_enqueued(remind, within="1m").args == {"who": "Ann"}


@held
def test_what_was_due_first_counts_and_not_what_a_retry_made_of_it(taskq, in_memory_app):
    @in_memory_app.task(name="fail", retry=2)
    def fail():
        raise OSError

    taskq.enqueue(job(fail), at="1h")
    taskq.drain(until="2h", errors="retry")
    taskq.assert_enqueued(fail, at="1h")
    taskq.assert_outcome(fail, "dead", error=OSError)


def test_queue_priority_and_key_compare_like_arguments(taskq, in_memory_app):
    @in_memory_app.task(name="greet", queue="mail", priority=5, queueing_lock="greeting")
    def greet(): ...

    greet.defer()
    taskq.assert_enqueued(greet, queue="mail", priority=5, key="greeting")
    taskq.assert_enqueued(greet, queue=re.compile("^ma"), priority=lambda n: n > 3, key=str)
    taskq.assert_not_enqueued(greet, queue="default")
    taskq.assert_not_enqueued(queue="sms")


def test_none_is_asked_for_like_any_other_key(taskq, shop):
    taskq.enqueue(job(remind, "Ann"))
    taskq.assert_enqueued(remind, key=None)
    taskq.assert_not_enqueued(remind, key=str)


def test_an_option_that_nobody_knows_is_refused_also_where_nothing_is_there(taskq, shop):
    with pytest.raises(BadOption) as caught:
        taskq.assert_not_enqueued(remind, quue="mail")
    assert str(caught.value) == (
        "assert_not_enqueued() cannot ask for that of a job. It was given quue=, and knows at, "
        "key, priority, queue, within. Arguments of its task belong into job()."
    )
    with pytest.raises(BadOption, match="knows at, key, priority, queue, times, within"):
        taskq.assert_enqueued(remind, count=1)
    for name in ("call", "clock", "beside"):
        with pytest.raises(BadOption, match=f"given {name}="):
            taskq.assert_enqueued(remind, **{name: 1})


def test_a_time_that_can_mean_nothing_is_refused(taskq, shop):
    with pytest.raises(NaiveDatetime):
        taskq.assert_not_enqueued(remind, at=datetime(2030, 1, 1))
    with pytest.raises(BadOption, match=r"assert_enqueued\(\) cannot read this duration"):
        taskq.assert_enqueued(remind, at="soon")
    for wrong in (-1, "nan", float("nan"), timedelta(-1), object()):
        with pytest.raises(BadOption):
            taskq.assert_enqueued(remind, at="1d", within=wrong)


@pytest.mark.parametrize(
    ("expected", "matches"),
    [
        (KeyError, True),
        (LookupError, True),
        ((OSError, KeyError), True),
        ("lost", True),
        (re.compile("c.rt"), True),
        (KeyError("the cart is lost"), True),
        (lambda error: len(error.args) == 1, True),
        (OSError, False),
        ((OSError, TypeError), False),
        ("found", False),
        (re.compile("^lost"), False),
        (KeyError("another"), False),
        (lambda error: error.args == (), False),
    ],
)
def test_an_error_is_expected_by_class_text_pattern_value_or_function(expected, matches):
    assert is_error(expected, KeyError("the cart is lost")) is matches


def test_an_error_of_another_process_is_told_by_its_name_and_message():
    failure = Failure("KeyError", "the cart is lost", "")
    assert is_error(KeyError, failure)
    assert is_error("lost", failure)
    assert not is_error(LookupError, failure)
    assert not is_error(KeyError, None)
