"""Dead letters: looked at, replayed, deleted."""

import pytest

from pytest_taskq.core.errors import BadOption
from pytest_taskq.soniq import DeadLetterJob

pytestmark = pytest.mark.asyncio


@pytest.fixture
def app(soniq_app, taskq_clock):
    @soniq_app.job(name="pay", max_retries=1, queue="money", priority=5)
    async def pay(amount):
        if not soniq_app.bank_is_open:
            raise ConnectionError("no bank")
        return amount

    soniq_app.bank_is_open = False
    return soniq_app


async def dead(app, amount=7) -> str:
    order = await app.enqueue("pay", args={"amount": amount})
    await app.run_worker(run_once=True)
    return order


async def test_a_dead_letter_keeps_all_that_is_known(app, taskq_clock):
    begun = taskq_clock.time()
    order = await app.enqueue("pay", args={"amount": 7})
    taskq_clock.advance(60)
    await app.run_worker(run_once=True)
    letter = await app.dead_letter.get_dead_letter_job(order)
    assert "ConnectionError: no bank" in letter.last_error
    assert letter == DeadLetterJob(
        id=order,
        job_name="pay",
        args={"amount": 7},
        queue="money",
        priority=5,
        max_attempts=2,
        attempts=2,
        last_error=letter.last_error,
        dead_letter_reason="max_retries_exceeded",
        original_created_at=begun,
        moved_to_dead_letter_at=taskq_clock.time(),
    )


async def test_the_last_dead_letter_comes_first(app, taskq_clock):
    orders = []
    for amount in range(3):
        orders.append(await dead(app, amount))
        taskq_clock.advance(amount % 2)
    letters = await app.dead_letter.list_dead_letter_jobs()
    assert [letter.id for letter in letters] == orders[::-1]


async def test_a_replay_with_a_priority_that_is_none_is_refused(app):
    order = await dead(app)
    with pytest.raises(BadOption, match="whole number"):
        await app.dead_letter.replay(order, new_priority="x")
    assert await app.list_jobs() == []


async def test_a_replay_is_a_new_job_and_the_letter_stays(app, taskq_clock):
    order = await dead(app)
    taskq_clock.advance(1)
    app.bank_is_open = True
    again = await app.dead_letter.replay(order)
    assert again != order
    row = await app.get_job(again)
    assert (row["status"], row["attempts"], row["queue"]) == ("queued", 0, "money")
    await app.run_worker(run_once=True)

    assert await app.get_result(again) == 7
    letter = await app.dead_letter.get_dead_letter_job(order)
    assert letter.resurrection_count == 1
    assert letter.last_resurrection_at == taskq_clock.time()


async def test_a_replay_may_be_given_other_options(app):
    order = await dead(app)
    again = await app.dead_letter.replay(
        order, reset_attempts=False, new_max_attempts=5, new_priority=1, new_queue="fast"
    )
    row = await app.get_job(again)
    assert (row["attempts"], row["max_attempts"]) == (2, 5)
    assert (row["priority"], row["queue"]) == (1, "fast")
    await app.run_worker(run_once=True)
    assert (await app.get_job(again))["attempts"] == 5


async def test_a_replay_that_fails_is_a_dead_letter_of_its_own(app):
    order = await dead(app)
    again = await app.dead_letter.replay(order)
    await app.run_worker(run_once=True)
    assert {letter.id for letter in await app.dead_letter.list_dead_letter_jobs()} == {order, again}


async def test_a_dead_letter_can_be_deleted_once(app):
    order = await dead(app)
    assert await app.dead_letter.delete_dead_letter_job(order) is True
    assert await app.dead_letter.delete_dead_letter_job(order) is False
    assert await app.get_job(order) is None


async def test_what_is_no_dead_letter_is_left_alone(app):
    queued = await app.enqueue("pay", args={"amount": 1})
    for job_id in (queued, "no such id", ""):
        assert await app.dead_letter.get_dead_letter_job(job_id) is None
        assert await app.dead_letter.replay(job_id) is None
        assert await app.dead_letter.delete_dead_letter_job(job_id) is False
    assert (await app.get_queue_stats())["queued"] == 1


async def test_a_dead_letter_is_no_live_row(app):
    order = await dead(app)
    assert await app.cancel_job(order) is False
    assert await app.delete_job(order) is False
    assert await app.list_jobs() == []
    assert (await app.get_job(order))["dead_letter_reason"] == "max_retries_exceeded"


async def test_a_job_whose_worker_vanished_is_dead_after_its_last_attempt(app, taskq_clock):
    order = await app.enqueue("pay", args={"amount": 1})
    app.bank_is_open = True
    for _ in range(2):
        await app.backend.queue.leases.claim("gone", 1)
        taskq_clock.advance(301)
        await app.run_worker(run_once=True, queues=[])
    (letter,) = await app.dead_letter.list_dead_letter_jobs()
    assert (letter.id, letter.attempts) == (order, 2)
