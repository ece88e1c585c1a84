"""What a ``job()`` matches, and what it says of a job that it does not."""

import math
import re
from datetime import timedelta
from unittest.mock import ANY

import pytest
from dirty_equals import IsPartialDict, IsPositiveInt, IsStr

from pytest_taskq import job
from pytest_taskq.core.errors import BadOption
from pytest_taskq.docket import Retry
from pytest_taskq.testing.matching import alike, compare
from pytest_taskq.testing.shown import show


async def charge(
    cart_id, card=None, *more, cents=1299, retry=Retry(attempts=2, delay=timedelta(0)), **rest
):
    pass


async def receipt(cart_id: int): ...


@pytest.fixture(autouse=True)
def shop(docket):
    docket.register(charge)
    docket.register(receipt)


@pytest.fixture
def placed(taskq):
    """A job that was enqueued."""
    return lambda *args, **kwargs: taskq.enqueue(job(charge, *args, **kwargs)).job


def broken(value):
    raise ValueError("this one is broken")


BIG = {"id": 7, "owner": {"name": "Ann", "tags": ["a", "b"]}}


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (7, 7),
        (7.0, 7),
        (None, None),
        (ANY, NotImplemented),
        (pytest.approx(0.3), 0.1 + 0.2),
        (IsPositiveInt, 7),
        (IsPositiveInt(), 7),
        (IsStr(regex="a.*"), "abc"),
        (IsPartialDict(id=7), BIG),
        (re.compile("@example"), "ann@example.org"),
        (re.compile(b"PNG"), b".PNG"),
        (int, 7),
        (Exception, ValueError()),
        (lambda value: value > 3, 7),
        ("abc".startswith, "a"),
        (callable, len),
        ({}, BIG),
        ({"owner": {"name": ANY}}, BIG),
        ({"owner": {"tags": ["a", str]}}, BIG),
        ([1, {"a": 1}], [1, {"a": 1, "b": 2}]),
        ((1, 2), [1, 2]),
        ([], []),
    ],
    ids=show,
)
def test_a_value_agrees(expected, got):
    assert alike(expected, got)


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (7, "7"),
        (None, 0),
        (pytest.approx(0.3), 0.4),
        (IsPositiveInt, -7),
        (IsStr(regex="a.*"), "bcd"),
        (re.compile("@example"), None),
        (re.compile("@example"), b"ann@example.org"),
        (int, "7"),
        (lambda value: value > 3, 2),
        (lambda value: value > 3, "two"),
        (broken, 7),
        ({"owner": {"name": "Bob"}}, BIG),
        ({"owner": {"age": ANY}}, BIG),
        ({"id": 7}, None),
        ([1], [1, 2]),
        ([1, 2], [2, 1]),
        ([], None),
    ],
    ids=show,
)
def test_a_value_does_not_agree(expected, got):
    assert not alike(expected, got)


@pytest.mark.parametrize("given", [broken, int, NotImplemented, re.compile("a")], ids=show)
def test_what_was_given_is_itself(given):
    assert alike(given, given)
    assert not alike(given, len)


def test_any_nan_is_as_good_as_another():
    assert alike(float("nan"), float("nan"))
    assert alike([math.nan], (-math.nan,))
    assert not alike(math.nan, 1.0)
    assert not alike(1.0, math.nan)


def ring(*values):
    values = [*values]
    values.append({"next": values})
    return values


def test_values_that_contain_themselves_are_compared_and_shown():
    assert alike(ring(1), ring(1))
    assert alike(ring(1), ring(1)[1]["next"])
    (first, second) = compare({"a": ring(1, 2)}, {"a": ring(1, 3)})[:2]
    assert (first.ok, second.field, second.ok) == (True, "a[1]", False)
    assert show(ring(1)) == "[1, {'next': [...]}]"
    assert show(ring(1)[1]) == "{'next': [1, {...}]}"
    twice = [1]
    assert show([twice, twice]) == "[[1], [1]]"


def test_values_in_values_without_end_are_a_mismatch():
    deep = wide = []
    for _ in range(100_000):
        deep, wide = [deep], [wide]
    (found,) = compare({"a": deep}, {"a": wide})
    assert (found.field, found.ok) == ("a", False)
    assert found.note.startswith("comparing raised RecursionError")
    assert show(deep) == "<a list that cannot be shown: RecursionError>"


def test_an_async_function_cannot_be_asked():
    async def is_big(value):
        return value > 3

    (found,) = compare({"a": is_big}, {"a": 7})
    assert (found.ok, found.note) == (False, "an async function cannot be asked")


def test_the_mismatch_names_the_part_that_differs():
    (right, wrong) = compare({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3], "c": 4}})
    assert (right.field, right.ok) == ("a.b[0]", True)
    assert (wrong.field, wrong.expected, wrong.got, wrong.ok) == ("a.b[1]", 2, 3, False)


def test_a_mismatch_says_what_a_look_cannot_tell():
    found = compare({"a": 7, "b": broken, "c": 1, "d": 1}, {"a": "7", "b": 0, "d": 2})
    assert [each.note for each in found] == [
        "differs only in type",
        "comparing raised ValueError: this one is broken",
        "",
        "",
    ]
    assert [each.field for each in found if each.missing] == ["c"]


def test_a_value_that_cannot_be_shown_is_compared_all_the_same():
    class Odd:
        def __repr__(self):
            raise ValueError("no repr")

    (found,) = compare({"a": Odd()}, {"a": 7})
    assert not found.ok


def test_arguments_are_bound_as_the_task_binds_them(placed):
    seen = placed(7, "visa")
    assert seen == job(charge, 7)
    assert seen == job(charge, cart_id=7)
    assert seen == job(charge, 7, card="visa")
    assert seen == job(charge, card="visa")
    assert seen != job(charge, 8)
    assert seen.args == {"cart_id": 7, "card": "visa"}


def test_a_default_that_nobody_gave_matches(placed):
    assert placed(7) == job(charge, cents=1299)
    assert placed(7) != job(charge, cents=0)


def test_more_arguments_match_by_their_place_and_name(placed):
    seen = placed(7, None, "a", "b", colour="red")
    assert seen == job(charge, 7, None, "a", str, colour="red")
    assert seen != job(charge, 7, None, "b")
    assert seen == job(charge, 7, None, "a")
    assert seen != job(charge, 7, None, "a", "b", "c")
    assert seen != job(charge, size=3)


def test_an_argument_that_the_library_fills_in_is_none_of_the_tests(placed):
    assert placed(7) == job(charge, 7)
    assert "retry" not in placed(8).args


def test_the_two_sides_are_the_same_whichever_is_first(placed):
    seen = placed(7)
    assert (seen == job(charge, 7), job(charge, 7) == seen) == (True, True)
    assert (seen != job(charge, 8), job(charge, 8) != seen) == (True, True)
    assert [seen] == [job(charge)]
    assert [job(charge)].index(seen) == 0
    assert (job(charge) == 7, job(charge) == job(charge)) == (False, False)


def test_a_task_is_named_by_its_function_or_a_text(placed):
    assert placed(7) == job("charge", cart_id=7)
    assert placed(7) != job(receipt)
    assert placed(7) != job("receipt")
    assert placed(7) != job("nobody knows it")


def test_arguments_that_the_task_cannot_take_are_told_with_the_nearest(taskq, placed):
    with pytest.raises(BadOption) as caught:
        taskq.assert_not_enqueued(job(receipt, cart=7))
    assert str(caught.value) == (
        "No job of this task can be job(receipt, cart=7): got an unexpected keyword argument "
        "'cart'. It takes cart_id. The nearest is 'cart_id'. Write it as the task is called."
    )
    with pytest.raises(BadOption, match=r"can be job\(receipt, 7, 8\): too many positional"):
        taskq.assert_enqueued(job(receipt, 7, 8))
    with pytest.raises(BadOption, match="can be job"):
        taskq.drain(only=job(receipt, cart=7))
    with pytest.raises(BadOption, match="can be job"):
        taskq.jobs(job(receipt, cart=7))


def test_a_task_that_cannot_be_a_key_is_bound_all_the_same(taskq, in_memory_app):
    class Receipt:
        __hash__ = None
        __name__ = "unhashable"

        def __call__(self, cart_id):
            pass

    task = in_memory_app.task(name="receipt")(Receipt())
    task.defer(cart_id=7)
    assert taskq.assert_enqueued(job(task, cart_id=7)).args == {"cart_id": 7}
    with pytest.raises(BadOption, match="It takes cart_id"):
        taskq.assert_enqueued(job(task, cart=7))


def test_a_job_of_a_job_is_refused():
    with pytest.raises(BadOption, match=r"It was given job\(charge\)\. Use that as it is\."):
        job(job(charge), 7)


def test_it_shows_itself_as_it_was_written():
    shown = job(charge, 7, {"token": ANY, "tags": [str]}, cents=lambda cents: cents > 3)
    assert repr(shown) == "job(charge, 7, {'token': <ANY>, 'tags': [str]}, cents=<lambda>)"
    assert repr(job("mail.welcome", re.compile("a+"), to=IsPositiveInt)) == (
        "job(mail.welcome, /a+/, to=IsPositiveInt)"
    )


def test_it_cannot_be_a_key():
    with pytest.raises(TypeError, match="unhashable"):
        {job(charge)}
