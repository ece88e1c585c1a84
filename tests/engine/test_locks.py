"""Locks as names: the one orders its jobs, the other lets one wait."""

import pytest

from pytest_taskq.core.job import Hold, Job, State
from pytest_taskq.engine.locks import holds_of, lock_of, others_of, queueing_lock_of

OTHER = Hold("tick:a", frozenset(State))


@pytest.mark.parametrize("lock", [None, "", "a", "lock:a"])
@pytest.mark.parametrize("queueing_lock", [None, "", "a", "queueing_lock:a"])
def test_the_locks_of_a_job_are_those_that_its_names_were_made_for(lock, queueing_lock):
    holds = (OTHER, *holds_of(lock, queueing_lock))
    job = Job(task="t", payload="", due_at=0, holds=holds)
    assert (lock_of(job), queueing_lock_of(job)) == (lock, queueing_lock)
    assert others_of(job) == (OTHER,)


def test_a_lock_is_held_in_order_by_who_runs_and_a_queueing_lock_by_who_waits():
    lock, queueing_lock = holds_of("a", "b")
    assert (lock.during, lock.ordered) == ({State.RUNNING}, True)
    assert (queueing_lock.during, queueing_lock.ordered) == ({State.QUEUED}, False)
