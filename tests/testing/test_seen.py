"""A job as a test sees it: as it was enqueued, and as it is now."""

from datetime import UTC, datetime, timedelta

import pytest

from pytest_taskq import job
from pytest_taskq.docket import Perpetual, Retry

START = datetime(2030, 1, 1, tzinfo=UTC)
pytestmark = pytest.mark.taskq_time(START)


async def charge(cart_id, card=None, retry=Retry(attempts=2, delay=timedelta(minutes=1))):
    if cart_id < 0:
        raise LookupError("no such cart")
    return {"paid": cart_id}


async def beat(perpetual=Perpetual(every=timedelta(hours=1), automatic=True)): ...


@pytest.fixture(autouse=True)
def shop(docket):
    docket.register(charge)
    docket.register(beat)
    return docket


def test_it_tells_how_it_was_enqueued(taskq, shop):
    seen = taskq.enqueue(job(charge, 7, card="visa"), at="1h").job
    assert (seen.task, seen.args, seen.queue) == (
        "charge",
        {"cart_id": 7, "card": "visa"},
        "default",
    )
    assert (seen.at, seen.enqueued_at) == (START + timedelta(hours=1), START)
    assert (seen.key, seen.priority, seen.parent, seen.automatic) == (None, 0, None, False)
    assert (seen.state, seen.attempts, seen.result, seen.error) == ("queued", 0, None, None)
    assert (seen.started_at, seen.finished_at) == (None, None)
    assert repr(seen) == "#1 charge(7, card='visa')"


def test_it_tells_what_became_of_it(taskq):
    taskq.enqueue(job(charge, 7), at="1h")
    (seen,) = taskq.drain(until="2h")
    ran_at = START + timedelta(hours=1)
    assert (seen.state, seen.attempts, seen.result) == ("succeeded", 1, {"paid": 7})
    assert (seen.started_at, seen.finished_at, seen.due_at) == (ran_at, ran_at, ran_at)


def test_it_is_scheduled_then_ready_then_retrying_then_dead(taskq, taskq_clock):
    taskq.enqueue(job(charge, -1), at="1h")

    def states():
        kinds = ("queued", "scheduled", "ready", "retrying", "dead", "succeeded")
        return [kind for kind in kinds if taskq.jobs(charge, state=kind)]

    assert states() == ["queued", "scheduled"]
    taskq_clock.advance("1h")
    assert states() == ["queued", "ready"]
    taskq.drain(errors="retry")
    assert states() == ["queued", "scheduled", "retrying"]
    (seen,) = taskq.jobs(charge)
    assert (seen.at, seen.due_at) == (
        START + timedelta(hours=1),
        START + timedelta(hours=1, minutes=1),
    )
    assert seen.finished_at is None
    taskq.drain(until="1h", errors="retry")
    assert states() == ["dead"]


def test_its_error_is_the_exception_itself(taskq):
    taskq.enqueue(job(charge, -1))
    (first, *_) = taskq.drain(until="1h", errors="retry")
    assert isinstance(first.error, LookupError)
    assert first.error.args == ("no such cart",)


def test_a_job_that_got_over_its_error_has_none(taskq, in_memory_app):
    tries = []

    @in_memory_app.task(name="shaky", retry=3)
    def shaky():
        tries.append(1)
        if len(tries) == 1:
            raise OSError("not yet")

    shaky.defer()
    taskq.drain(errors="retry")
    seen = taskq.assert_outcome(shaky, "succeeded", attempts=2)
    assert seen.error is None


@pytest.mark.asyncio
async def test_a_cancelled_job_is_cancelled(taskq, shop):
    await shop.add(charge, when=START + timedelta(days=1), key="c")(7)
    await shop.cancel("c")
    assert taskq.jobs(charge)[0].state == "cancelled"
    assert await taskq.drain(until="2d") == []


@pytest.mark.asyncio
async def test_a_job_that_was_taken_away_before_it_ended_is_deleted(taskq, shop):
    await shop.add(charge)(7)
    await shop.queue.clear()
    assert [seen.state for seen in taskq.jobs(charge)] == ["deleted"]
    assert taskq.jobs(state="queued") == []
    taskq.assert_enqueued(charge)


@pytest.mark.asyncio
async def test_a_number_that_is_given_out_again_belongs_to_another_job(taskq, shop):
    await shop.add(charge, key="a")(7)
    await taskq.drain()
    await shop.queue.clear()
    await shop.add(charge, key="b")(8)
    first, second = taskq.jobs(charge)
    assert (first.state, second.state) == ("succeeded", "queued")
    assert (first.key, second.key) == ("a", "b")


@pytest.mark.asyncio
async def test_what_a_task_enqueued_knows_its_parent(taskq, shop):
    async def checkout(cart_id):
        await shop.add(charge)(cart_id)

    await shop.add(checkout)(7)
    ran = await taskq.drain()
    assert ran == [job(checkout), job(charge)]
    assert ran[1].parent == ran[0].id


@pytest.mark.asyncio
async def test_what_an_app_enqueues_by_itself_is_marked(taskq, shop, worker):
    await worker.run_at_most({"beat": 2})
    assert {seen.automatic for seen in taskq.jobs(beat)} == {True}
    taskq.assert_not_enqueued()
    taskq.assert_enqueued([])
    with pytest.raises(AssertionError):
        taskq.assert_not_enqueued(beat)


@pytest.mark.asyncio
async def test_a_job_that_the_test_enqueues_is_not_automatic_whatever_its_task(taskq, shop, worker):
    await worker.run_at_most({"beat": 2})
    await shop.add(beat)()
    taskq.assert_enqueued([job(beat)] * 3)
    with pytest.raises(AssertionError, match=r"expected no job, got 1\n    #3 beat\(\)"):
        taskq.assert_not_enqueued()


@pytest.mark.asyncio
async def test_a_tick_is_automatic_and_what_the_test_defers_is_not(taskq, in_memory_app):
    @in_memory_app.periodic(cron="*/10 * * * *")
    @in_memory_app.task(name="chime")
    async def chime(timestamp): ...

    await taskq.drain(until="20m")
    assert {seen.automatic for seen in taskq.jobs(chime)} == {True}
    taskq.assert_not_enqueued()
    await chime.defer_async(timestamp=7)
    assert not taskq.jobs(job(chime, timestamp=7))[0].automatic
    with pytest.raises(AssertionError, match="expected no job, got 1"):
        taskq.assert_not_enqueued()


def test_a_long_list_of_arguments_is_cut_where_it_is_shown(taskq):
    seen = taskq.enqueue(job(charge, 7, card="x" * 200)).job
    assert len(repr(seen)) < 80
    assert repr(seen).endswith("...)")


def test_what_is_secret_is_not_shown_with_it(taskq):
    seen = taskq.enqueue(job(charge, 7, card={"token": "tok_1", "owner": "Ann"})).job
    assert repr(seen) == "#1 charge(7, card={'token': ***, 'owner': 'Ann'})"
    assert seen == job(charge, card={"token": "tok_1"})
