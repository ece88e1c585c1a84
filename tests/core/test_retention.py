"""How long a job that has ended is remembered."""

import pytest

from pytest_taskq.core.job import Job, State
from pytest_taskq.core.retention import is_remembered


def ended(at):
    return Job(task="t", payload="", due_at=0, state=State.SUCCEEDED, finished_at=at)


@pytest.mark.parametrize(("now", "known"), [(100, True), (109, True), (110, False)])
def test_it_is_remembered_for_so_long(now, known):
    assert is_remembered(ended(100), 10, now) is known


def test_it_may_be_kept_for_no_time_at_all():
    assert not is_remembered(ended(100), 0, 100)


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING])
def test_what_has_not_ended_is_remembered(state):
    job = Job(task="t", payload="", due_at=0, state=state)
    assert is_remembered(job, 0, 10**18)
