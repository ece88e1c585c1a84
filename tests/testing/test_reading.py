"""The jobs of an app are read once and on from there, and what was handed out stays as it was."""

from datetime import timedelta

import pytest

from pytest_taskq import job
from pytest_taskq.docket import Retry

pytestmark = pytest.mark.asyncio


async def charge(cart_id, items=(), retry=Retry(attempts=2, delay=timedelta(minutes=1))):
    if cart_id < 0:
        raise LookupError("no such cart")


async def test_a_job_that_was_handed_out_stays_as_it_was(taskq, docket):
    await docket.add(charge)(-1)
    before = taskq.assert_enqueued(charge)
    await taskq.drain(errors="retry")
    between = taskq.assert_outcome(charge, "retrying", attempts=1)
    await taskq.drain(until="1h", errors="retry")
    after = taskq.assert_outcome(charge, "dead", attempts=2)
    assert [(seen.state, seen.attempts) for seen in (before, between, after)] == [
        ("queued", 0),
        ("queued", 1),
        ("dead", 2),
    ]
    assert [len(seen.events) for seen in (before, between, after)] == [1, 3, 5]


async def test_a_job_is_one_object_in_one_answer(taskq, docket):
    await docket.add(charge)(-1)
    ran = await taskq.drain(until="1h", errors="retry")
    assert ran[0] is ran[1]
    assert ran.counts == {"dead": 1}


async def test_what_the_test_does_to_arguments_changes_no_other_answer(taskq, docket):
    await docket.add(charge)(7, items=["book"])
    placed = taskq.assert_enqueued(job(charge, items=["book"]))
    placed.args["items"].append("pen")
    placed.told.kwargs["items"].append("cup")
    taskq.assert_enqueued(job(charge, items=["book"]))
    assert taskq.jobs(charge)[0].args["items"] == ["book"]


async def test_jobs_are_told_apart_that_have_had_one_number_since_the_last_answer(taskq, docket):
    await docket.add(charge, key="a")(7)
    assert [seen.state for seen in taskq.jobs()] == ["queued"]
    await docket.queue.clear()
    await docket.add(charge, key="b")(8)
    assert [(seen.key, seen.state) for seen in taskq.jobs()] == [("a", "deleted"), ("b", "queued")]
    assert [seen.id for seen in taskq.jobs()] == [1, 1]


async def test_what_was_enqueued_has_the_defaults_of_a_task_known_later(taskq, in_memory_app):
    wanted = {"cart_id": 7, "reason": "none"}
    await in_memory_app.configure_task("refund").defer_async(cart_id=7)
    taskq.assert_not_enqueued(job("refund", **wanted))

    @in_memory_app.task(name="refund")
    async def refund(cart_id, reason="none"): ...

    taskq.assert_enqueued(job(refund, **wanted))
