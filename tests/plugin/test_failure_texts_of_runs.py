"""What a failed assertion on what ran says, line by line."""

OUTCOMES_TESTS = """
@pytest.fixture(autouse=True)
def ran(taskq, shop):
    taskq.enqueue(job(charge, 0))
    taskq.enqueue(job(charge, 1))
    taskq.drain(errors="retry")
    taskq.enqueue(job(receipt, 7))

def test_outcome(taskq):
    taskq.assert_outcome(job(charge, 0), "succeeded", error=KeyError, attempts=1)

def test_died(taskq):
    taskq.assert_outcome(job(charge, 0), "succeeded")

def test_message(taskq):
    taskq.assert_outcome(job(charge, 0), "dead", error="cart was lost", attempts=2)

def test_no_error(taskq):
    taskq.assert_outcome(job(charge, 1), "dead", error=LookupError)

def test_which(taskq):
    taskq.assert_outcome(charge, "succeeded")

def test_nobody(taskq):
    taskq.assert_outcome(job(charge, 2), "succeeded")

def test_executed_others(taskq):
    taskq.assert_executed(receipt)

def test_executed_in_another_order(taskq):
    taskq.assert_executed([charge, job(charge, 0), job(charge, 0)])

def test_executed_nothing(taskq):
    with taskq.capture() as new:
        taskq.enqueue(job(receipt, 8))
    new.assert_executed(receipt)
"""
OUTCOMES_TEXT = """
test_outcome:
AssertionError: taskq.assert_outcome: #1 charge(0)
    state     expected 'succeeded'  got 'dead'                       <-
    error     expected KeyError     got LookupError('no such cart')  <-
    attempts  expected 1            got 2                            <-

test_died:
AssertionError: taskq.assert_outcome: #1 charge(0)
    state  expected 'succeeded'  got 'dead'  <- raised LookupError

test_message:
AssertionError: taskq.assert_outcome: #1 charge(0)
    state     expected 'dead'           got 'dead'                       ok
    error     expected 'cart was lost'  got LookupError('no such cart')  <-
    attempts  expected 2                got 2                            ok

test_no_error:
AssertionError: taskq.assert_outcome: #2 charge(1)
    state  expected 'dead'       got 'succeeded'  <-
    error  expected LookupError  got None         <-

test_which:
AssertionError: taskq.assert_outcome: 2 jobs match job(charge), not one
    #1 charge(0)  dead
    #2 charge(1)  succeeded
Name more of its arguments, or look at each of taskq.jobs().

test_nobody:
AssertionError: taskq.assert_outcome: no job matches job(charge, 2)
nearest of 3 enqueued: #1 charge(0)
    cart_id  expected 2  got 0  <-
the others are
    #2 charge(1)  succeeded
    #3 receipt(7)  queued

test_executed_others:
AssertionError: taskq.assert_executed: expected 1 attempt of job(receipt), got 0
attempts, in order:
    #1 charge(0)  dead
    #2 charge(1)  succeeded
    #1 charge(0)  dead

test_executed_in_another_order:
AssertionError: taskq.assert_executed: expected exactly 3 attempts in this order
    1. expected job(charge)     got #1 charge(0)  ok
    2. expected job(charge, 0)  got #2 charge(1)  <- cart_id
    3. expected job(charge, 0)  got #1 charge(0)  ok

test_executed_nothing:
AssertionError: captured.assert_executed: expected 1 attempt of job(receipt), got 0
nothing ran. Enqueued, and still waiting:
    #4 receipt(8)  queued
"""


def test_outcomes_and_attempts(check):
    check(OUTCOMES_TESTS, OUTCOMES_TEXT)


def test_an_exception_of_a_job(check):
    check(
        """
def test_hidden(taskq):
    taskq.enqueue(job(charge, 0))
    taskq.enqueue(job(charge, 0))
    taskq.drain(errors="retry")

def test_drain(taskq):
    taskq.enqueue(job(charge, 0))
    taskq.drain()
""",
        """
test_hidden:
LookupError: no such cart
raised by job #1 (charge), attempt 2, which no part of the test looked at
and LookupError by job #2 (charge)
Expect it with taskq.assert_outcome(), or mark the test with taskq_strict(False).

test_drain:
LookupError: no such cart
raised by job #1 (charge), attempt 1
""",
    )


def test_what_ran_is_compared_by_pytest_itself(run_files):
    text = """
from pytest_taskq import job

async def receipt(cart_id): ...

def test_it(taskq, docket):
    docket.register(receipt)
    taskq.enqueue(job(receipt, 7))
    taskq.enqueue(job(receipt, 8))
    assert taskq.drain() == [job(receipt, 7), job(receipt, 9)]
"""
    run_files(test_it=text).stdout.fnmatch_lines(
        ["E*At index 1 diff: #2 receipt(8) != job(receipt, 9)"]
    )


MISFITS = """
import pytest
from pytest_taskq import job

async def f(cart_id): ...

@pytest.mark.asyncio
async def test_drained(taskq, docket):
    await docket.add(f)(1, 2)
    await taskq.drain()

@pytest.mark.asyncio
async def test_run(docket, worker):
    await docket.add(f)(wrong=1)
    await worker.run_until_finished()

def test_performed(taskq, docket):
    docket.register(f)
    taskq.perform(job(f, wrong=1))
"""
UNSEEN = """\
TypeError: f() got an unexpected keyword argument 'wrong'
raised by job #1 (f), attempt 1, which no part of the test looked at
Expect it with taskq.assert_outcome(), or mark the test with taskq_strict(False)."""


def test_arguments_that_a_task_does_not_take_show_no_lines_but_the_users(run_files):
    result = run_files("--show-capture=no", test_it=MISFITS)
    assert [line for line in result.outlines if line.startswith(("> ", "E  "))] == [
        ">       await taskq.drain()",
        "E       TypeError: f() takes 1 positional argument but 2 were given",
        "E       raised by job #1 (f), attempt 1",
    ]
    # A run in CI repeats the whole messages in its summary.
    failures = result.stdout.str().split("FAILURES")[1].split("short test summary")[0]
    assert failures.count(UNSEEN) == 2
    assert "pytest_taskq/" not in failures


def test_the_queue_shows_no_frames_of_such_a_job(run_files):
    result = run_files("-k", "test_drained", test_it=MISFITS)
    at = result.outlines.index("Job #1 (f) failed in attempt 1:")
    assert result.outlines[at + 1 : at + 3] == [
        "  TypeError: f() takes 1 positional argument but 2 were given",
        "  raised by job #1 (f), attempt 1",
    ]


def test_arguments_beside_the_task_of_a_call(check):
    check(
        """
def test_performed(taskq):
    taskq.perform(charge, 7, card=None)

def test_enqueued(taskq):
    taskq.enqueue(job(charge, 7), cents=1, at="1h")

def test_counted(taskq):
    taskq.assert_enqueued(charge, 2)

@pytest.mark.asyncio
async def test_awaited(taskq):
    await taskq.perform("receipt", 7)
""",
        """
test_performed:
pytest_taskq.core.errors.BadOption: taskq.perform() takes one job, and attempt=. It was given 7, \
card=None as well. Write taskq.perform(job(charge, 7, card=None)).

test_enqueued:
pytest_taskq.core.errors.BadOption: taskq.enqueue() takes one job, and at=. It was given cents=1 \
as well. Write taskq.enqueue(job(charge, 7, cents=1)).

test_counted:
pytest_taskq.core.errors.BadOption: taskq.assert_enqueued() takes one job, and times=. It was \
given 2 as well. Write taskq.assert_enqueued(job(charge, 2)), or times=2 if that was meant.

test_awaited:
pytest_taskq.core.errors.BadOption: taskq.perform() takes one job, and attempt=. It was given 7 \
as well. Write taskq.perform(job(receipt, 7)), or attempt=7 if that was meant.
""".replace("\\\n", ""),
        widest=200,
    )


def test_what_is_no_list_and_no_queue(check):
    check(
        """
def test_equal(taskq):
    with taskq.capture() as new:
        taskq.enqueue(job(receipt, 7))
    assert new == [job(receipt, 7)]

def test_performed(taskq):
    assert len(taskq.perform(receipt).enqueued) == 0

@pytest.mark.asyncio
async def test_drained(taskq):
    await taskq.drained([])
""",
        """
test_equal:
pytest_taskq.core.errors.BadOption: captured is no list. It has what was enqueued, and what was \
executed. Write captured.assert_enqueued([...]) or captured.assert_executed([...]), or look at \
the list captured.jobs().

test_performed:
pytest_taskq.core.errors.BadOption: performed.enqueued is no list. It has what was enqueued, and \
what was executed. Write performed.enqueued.assert_enqueued([...]) or \
performed.enqueued.assert_executed([...]), or look at the list performed.enqueued.jobs().

test_drained:
pytest_taskq.core.errors.BadOption: drained() needs an asyncio.Queue. It was given []. For the \
jobs of the queues under test use taskq.drain() and taskq.assert_executed().
""".replace("\\\n", ""),
        widest=300,
    )


def test_options_that_running_does_not_have(check):
    check(
        """
@pytest.mark.asyncio
async def test_misspelt(taskq):
    async with taskq.running(charge, unitl=asyncio.Event()):
        pass

@pytest.mark.asyncio
async def test_of_another_worker(taskq):
    async with taskq.running(until=asyncio.Event()):
        pass

@pytest.mark.asyncio
async def test_many(taskq):
    async with taskq.running(charge, workers=2):
        pass
""",
        """
test_misspelt:
pytest_taskq.core.errors.BadOption: running() does not know unitl=. For a worker of your own it \
takes until, start, stop, timeout, within, and without one workers. Correct the name.

test_of_another_worker:
pytest_taskq.core.errors.BadOption: running() runs the workers of the queues under test, and \
takes workers= alone. It was given until=. Name a worker of your own: running(worker, until=...).

test_many:
pytest_taskq.core.errors.BadOption: running() runs a worker of your own once. It was given \
workers=2. Make as many of them, and run each in a block of its own.
""".replace("\\\n", ""),
        widest=300,
    )
