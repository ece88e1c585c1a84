"""Jobs that are due and wait for what another job has, and how that is told."""

import procrastinate
import pytest
from procrastinate import testing

from pytest_taskq.core.job import Hold, Job, State
from pytest_taskq.testing.locked import Behind, behind

RUNNING = frozenset({State.RUNNING})
LOCK = Hold("lock:o", RUNNING, ordered=True)
LIMIT = Hold("limit", RUNNING, 2)
ONE = Behind("lock 'o'", 1)


def job(number, hold, state=State.QUEUED, *, due_at=0, **fields):
    return Job("t", "", due_at, number, state, holds=(hold,), **fields)


@pytest.mark.parametrize(
    ("jobs", "told"),
    [
        ([job(1, LOCK), job(2, LOCK)], [None, ONE]),
        ([job(1, LOCK, due_at=9), job(2, LOCK)], [ONE]),
        ([job(1, LOCK, State.RUNNING), job(2, LOCK), job(3, LOCK)], [ONE, ONE]),
        ([job(1, LOCK, State.SUCCEEDED), job(2, LOCK)], [None]),
        ([job(1, LOCK), job(2, LOCK, priority=1)], [Behind("lock 'o'", 2), None]),
        ([job(1, LIMIT, State.RUNNING), job(2, LIMIT)], [None]),
        (
            [job(1, LIMIT, State.RUNNING), job(2, LIMIT, State.RUNNING), job(3, LIMIT)],
            [Behind("'limit'", 1)],
        ),
        ([job(1, Hold("key", {State.QUEUED})), job(2, Hold("key", {State.QUEUED}))], [None, None]),
    ],
)
def test_what_keeps_a_job_waiting(jobs, told):
    assert behind(jobs, now=5) == told


def waiting(taskq):
    return taskq.timeline().text(clock=False).splitlines()[-1].partition(", the first")[0]


def test_what_waits_for_a_lock_is_told_apart(in_memory_app, taskq):
    fine = in_memory_app.task(name="fine")(lambda n: None)
    fine.configure(lock="o", schedule_in={"days": 3}).defer(n=1)
    for number in (2, 3):
        fine.configure(lock="o").defer(n=number)
    fine.defer(n=4)
    assert waiting(taskq) == (
        "Waiting: 1 due now; 2 due, but wait for lock 'o' behind #1; 1 due later"
    )


def test_of_many_locks_some_are_named(in_memory_app, taskq):
    fine = in_memory_app.task(name="fine")(lambda n: None)
    for lock in "abcd":
        fine.configure(lock=lock).defer(n=1)
        fine.configure(lock=lock).defer(n=2)
    assert waiting(taskq) == (
        "Waiting: 4 due now; 1 due, but waits for lock 'a' behind #1; "
        "1 due, but waits for lock 'b' behind #3; 2 due, but wait for others."
    )


class TestTheLibraryItself:
    @pytest.fixture
    def taskq_app(self):
        return procrastinate.App(connector=testing.InMemoryConnector())

    def test_its_locks_are_told_too(self, taskq, taskq_app):
        fine = taskq_app.task(name="fine")(lambda n: None)
        fine.configure(lock="o", schedule_in={"days": 3}).defer(n=1)
        fine.configure(lock="o").defer(n=2)
        assert waiting(taskq) == ("Waiting: 1 due, but waits for lock 'o' behind #1; 1 due later")
