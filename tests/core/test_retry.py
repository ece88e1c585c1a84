"""Each policy gives the delays it promises, and refuses options that mean nothing."""

import random
from datetime import timedelta

import pytest

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.retry import (
    BackOff,
    exponential,
    fixed,
    linear,
    listed,
    no_retry,
    own,
)

S = timedelta(seconds=1)
CENTURY = timedelta(days=36_500)
ERROR = ValueError("boom")


def delays(policy, attempts, error=ERROR):
    rng = random.Random(0)
    return [policy.delay(attempt, error, rng) for attempt in range(1, attempts + 1)]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (no_retry(), [None, None]),
        (fixed(1, S), [None]),
        (fixed(3, S), [S, S, None, None]),
        (fixed(None, S), [S, S, S, S]),
        (fixed(2, timedelta()), [timedelta(), None]),
        (linear(4, 2 * S), [2 * S, 4 * S, 6 * S, None]),
        (linear(5, 2 * S, 5 * S), [2 * S, 4 * S, 5 * S, 5 * S, None]),
        (exponential(5, S), [S, 2 * S, 4 * S, 8 * S, None]),
        (exponential(4, S, 1.5), [S, 1.5 * S, 2.25 * S, None]),
        (exponential(5, S, 10, 50 * S), [S, 10 * S, 50 * S, 50 * S, None]),
        (listed([]), [None]),
        (listed([3 * S, S]), [3 * S, S, None, None]),
    ],
)
def test_the_delays_are(policy, expected):
    assert delays(policy, len(expected)) == expected


@pytest.mark.parametrize("policy", [exponential(None, S), exponential(None, S, 3)])
@pytest.mark.parametrize("attempt", [5_000, 10**15])
def test_a_delay_never_overflows(policy, attempt):
    assert policy.delay(attempt, ERROR, random.Random(0)) == CENTURY


def test_a_line_never_overflows():
    assert linear(None, S).delay(10**15, ERROR, random.Random(0)) == CENTURY


def test_a_delay_is_a_hundred_years_at_most():
    assert fixed(2, timedelta.max).delay(1, ERROR, random.Random(0)) == CENTURY


def test_a_back_off_that_begins_at_nothing_stays_there():
    policy = exponential(None, timedelta())
    assert policy.delay(5_000, ERROR, random.Random(0)) == timedelta()


def test_the_maximum_holds_for_late_attempts_too():
    assert exponential(None, S, maximum=60 * S).delay(5_000, ERROR, random.Random(0)) == 60 * S


def test_other_errors_are_given_up_at_once():
    policy = fixed(3, S, on=(ConnectionError, KeyError))
    assert delays(policy, 1, ConnectionResetError()) == [S]
    assert delays(policy, 1, KeyError()) == [S]
    assert delays(policy, 1, ERROR) == [None]


def test_any_error_is_retried_unless_told_otherwise():
    assert delays(fixed(2, S), 1, SystemExit()) == [S]


@pytest.mark.parametrize("make", [fixed, linear, exponential])
def test_jitter_takes_off_up_to_its_share(make):
    policy, rng = make(None, 100 * S, jitter=0.25), random.Random(7)
    drawn = [policy.delay(1, ERROR, rng) for _ in range(500)]
    assert 75 * S <= min(drawn) < 76 * S
    assert 99 * S < max(drawn) <= 100 * S


def test_jitter_is_drawn_from_the_given_generator():
    policy = listed([100 * S] * 3, jitter=1.0)
    assert delays(policy, 3) == delays(policy, 3)
    assert len(set(delays(policy, 3))) == 3
    assert policy.delay(1, ERROR, random.Random(1)) != policy.delay(1, ERROR, random.Random(2))


def test_without_jitter_nothing_is_drawn():
    rng = random.Random(1)
    before = rng.getstate()
    fixed(2, S).delay(1, ERROR, rng)
    assert rng.getstate() == before


def test_a_function_of_ones_own_is_asked_with_attempt_and_error():
    asked = []

    def decide(attempt, error):
        asked.append((attempt, error))
        return [S, 2.5, 3, None][attempt - 1]

    assert delays(own(decide), 4) == [S, 2.5 * S, 3 * S, None]
    assert asked == [(n, ERROR) for n in (1, 2, 3, 4)]


def test_a_function_of_ones_own_is_not_asked_beyond_the_attempts():
    assert delays(own(lambda _attempt, _error: 1, attempts=2), 3) == [S, None, None]


@pytest.mark.parametrize("answer", [-1, timedelta(-1), float("nan"), float("inf"), "5", True])
def test_nonsense_from_a_function_is_refused_with_its_name(answer):
    def decide(attempt, error):
        return answer

    with pytest.raises(BadOption) as caught:
        own(decide).delay(2, ERROR, random.Random(0))
    assert "decide" in str(caught.value)
    assert "After attempt 2" in str(caught.value)
    assert repr(answer) in str(caught.value)


def test_a_callable_without_a_name_is_told_by_its_type():
    class Decider:
        def __call__(self, attempt, error):
            return -1

    with pytest.raises(BadOption, match="Decider gave no delay"):
        own(Decider()).delay(1, ERROR, random.Random(0))


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: fixed(0, S), "They are 0"),
        (lambda: fixed(True, S), "They are True"),
        (lambda: fixed(2.0, S), "They are 2.0"),
        (lambda: fixed(2, -S), "The delay of a back-off"),
        (lambda: fixed(2, 5), "It is 5"),
        (lambda: fixed(2, S, jitter=-0.1), "It is -0.1"),
        (lambda: fixed(2, S, jitter=1.1), "It is 1.1"),
        (lambda: fixed(2, S, jitter=float("nan")), "It is nan"),
        (lambda: fixed(2, S, jitter=True), "It is True"),
        (lambda: fixed(2, S, jitter="0"), "It is '0'"),
        (lambda: fixed(2, S, on=ValueError), "must be a tuple of exception classes"),
        (lambda: fixed(2, S, on=(int,)), "must be a tuple of exception classes"),
        (lambda: fixed(2, S, on=(ERROR,)), "must be a tuple of exception classes"),
        (lambda: linear(2, -S), "The step of a back-off"),
        (lambda: linear(2, S, -S), "The maximum of a back-off"),
        (lambda: exponential(2, -S), "The base of a back-off"),
        (lambda: exponential(2, S, 0.5), "It is 0.5"),
        (lambda: exponential(2, S, float("nan")), "It is nan"),
        (lambda: exponential(2, S, float("inf")), "It is inf"),
        (lambda: exponential(2, S, "2"), "It is '2'"),
        (lambda: listed([S, -S]), r"The delays\[1\] of a back-off"),
        (lambda: own(5), "must be a function"),
        (lambda: BackOff(-1, lambda _attempt, _error: S), "They are -1"),
    ],
)
def test_an_option_that_means_nothing_is_refused(make, problem):
    with pytest.raises(BadOption, match=problem):
        make()
