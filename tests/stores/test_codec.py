"""A job as text, and back without a loss."""

from pytest_taskq.core.job import Failure, Hold, Job, Lease, State
from pytest_taskq.stores._codec import decode, encode

RUNNING, QUEUED = State.RUNNING, State.QUEUED


def test_a_job_with_every_field_set_comes_back_equal():
    job = Job(
        task="pack",
        payload='[["Ä",1],{}]',
        due_at=2**62,
        id=7,
        state=RUNNING,
        queue="line one",
        priority=-(2**31),
        rank=-(2**62),
        key="parcel:7",
        holds=(
            Hold("dock 3", frozenset({RUNNING})),
            Hold("van", frozenset({QUEUED, RUNNING}), limit=4, ordered=True),
        ),
        labels={"max_attempts": 4, "tags": ["a", None, 1.5]},
        attempt=3,
        lease=Lease("worker", 2**63 - 1, 5),
        cancel_requested=True,
        failure=Failure("Odd", "nul \0 and surrogate \ud800", "Traceback ..."),
        result="[1]",
        parent=6,
        created_at=1,
        started_at=2,
        finished_at=3,
        version=9,
    )

    assert decode(encode(job)) == job
    assert encode(job).isascii()


def test_what_comes_back_has_the_types_that_went_in():
    bare = decode(encode(Job("pack", "[[],{}]", 0)).encode())

    assert bare == Job("pack", "[[],{}]", 0)
    assert bare.state is QUEUED
    held = decode(encode(Job("p", "", 0, holds=(Hold("n", frozenset({RUNNING})),))))
    assert type(held.holds[0]) is Hold
    assert held.holds[0].during == {RUNNING}
