"""Each failed attempt must be looked at, also where one object or one number stands for many."""

import pytest

HEAD = """
from unittest.mock import Mock

import pytest
from pytest_taskq import job

@pytest.fixture
def charge(in_memory_app):
    bank = Mock(side_effect=ConnectionError("down"))

    @in_memory_app.task(name="charge")
    def charge(cart):
        bank(cart)

    return charge
"""


@pytest.fixture
def result_of(run_files):
    """Run tests with a task whose jobs all raise the same object; hands out the result."""

    def result_of(text):
        return run_files("--show-capture=no", test_it=HEAD + text)

    return result_of


def test_who_looked_at_one_job_has_not_looked_at_another_that_raised_the_same(result_of):
    result = result_of("""
def test_outcome(taskq, charge):
    charge.defer(cart=1)
    charge.defer(cart=2)
    taskq.drain(errors="retry")
    taskq.assert_outcome(job(charge, 1), "dead", error=ConnectionError)

def test_raised(taskq, charge):
    charge.defer(cart=1)
    charge.defer(cart=2)
    with pytest.raises(ConnectionError):
        taskq.drain()
    taskq.drain(errors="retry")

def test_both(taskq, charge):
    charge.defer(cart=1)
    charge.defer(cart=2)
    taskq.drain(errors="retry")
    assert len(taskq.jobs(state="dead")) == 2

def test_raised_twice(taskq, charge):
    charge.defer(cart=1)
    charge.defer(cart=2)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            taskq.drain()
""")
    result.assert_outcomes(passed=2, failed=2)
    hidden = "raised by job #2 (charge), attempt 1, which no part of the test looked at"
    told = [line for line in result.outlines if line.startswith("E ") and hidden in line]
    assert len(told) == 2  # a run in CI repeats the whole message in its summary


def test_the_exception_of_a_module_has_the_notes_of_one_test_alone(result_of):
    result = result_of("""
DOWN = OSError("down")
DOWN.add_note("ask the bank")

@pytest.mark.parametrize("cart", [1, 2, 3])
def test_it(taskq, in_memory_app, cart):
    @in_memory_app.task(name="pay")
    def pay():
        raise DOWN

    for _ in range(cart):
        pay.defer()
    taskq.drain(errors="retry")

def test_after():
    assert DOWN.__notes__ == ["ask the bank"]
""")
    result.assert_outcomes(passed=1, failed=3)
    assert result.outlines.count("E       ask the bank") == 3
    looked = [line for line in result.outlines if line.startswith("E       raised by job ")]
    assert len(looked) == 3


def test_an_error_is_not_forgotten_for_a_later_job_of_its_number(result_of):
    result = result_of("""
@pytest.fixture
def both(taskq, in_memory_app):
    @in_memory_app.task(name="pay")
    def pay(cart):
        if cart < 0:
            raise LookupError(f"no cart {cart}")

    for cart in (-1, 7):
        in_memory_app.connector.reset()
        pay.defer(cart=cart)
        taskq.drain(errors="retry")

def test_hidden(both):
    pass

def test_looked_at(taskq, both):
    assert [str(seen.error) for seen in taskq.jobs("pay", "dead")] == ["no cart -1"]
""")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E *LookupError: no cart -1", "E *raised by job #1 *"])
