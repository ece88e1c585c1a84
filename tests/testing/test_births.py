"""Jobs of one number are told apart."""

import pytest

from pytest_taskq import job
from pytest_taskq.core.job import Job
from pytest_taskq.engine.history import Event
from pytest_taskq.testing.births import Births


@pytest.fixture
def pay(in_memory_app):
    @in_memory_app.task(name="pay")
    def pay(cart): ...

    return pay


@pytest.fixture
def begin_again(in_memory_app):
    return in_memory_app.connector.reset


def test_an_enqueue_begins_a_job_of_its_own():
    births = Births()
    record = Job(id=7, task="pay", payload=b"", created_at=0, due_at=0)
    verbs = ["enqueue", "claim", "enqueue", "claim", "finish"]
    found = [births.of(Event(0, verb, record)) for verb in verbs]
    assert found == [(7, 1), (7, 1), (7, 2), (7, 2), (7, 2)]
    assert births.latest(7) == (7, 2)
    assert births.of(Event(0, "claim", record)) == births.latest(7)


def test_figures_are_those_of_the_job_that_was_asked_for(taskq, pay, begin_again):
    pay.defer(cart=1)
    taskq.drain()
    begin_again()
    pay.defer(cart=2)
    taskq.drain()
    later = taskq.stats(job(pay, cart=2))
    assert (later.jobs, later.attempts) == (1, 1)
    assert taskq.stats(job(pay, cart=1)).jobs == 0
    assert taskq.stats().attempts == 2
