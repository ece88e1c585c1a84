"""Dead letters: looked at, replayed, deleted."""

from datetime import timedelta

import pytest

from pytest_taskq.core.errors import BadOption
from pytest_taskq.soniq import DeadLetterFilter, DeadLetterJob, TaskRef

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


async def three(app, taskq_clock):
    """One for each of three names, an hour apart."""
    for name, queue in (("a", "x"), ("b", "x"), ("c", "y")):

        @app.job(name=name, queue=queue, max_retries=0)
        async def fail():
            raise ValueError("v")

        await app.enqueue(name)
        await app.run_worker(run_once=True)
        taskq_clock.advance(3600)
    return app.dead_letter


async def test_dead_letters_are_chosen_by_all_conditions(app, taskq_clock):
    begun = taskq_clock.time()
    letters = await three(app, taskq_clock)
    hour = timedelta(hours=1)
    for wanted, names in (
        ({}, "cba"), ({"job_names": ["a", "c"]}, "ca"), ({"queues": ["x"]}, "ba"),
        ({"queues": ["x"], "job_names": ["c", "b"]}, "b"), ({"reasons": ["timeout"]}, ""),
        ({"date_from": begun + hour}, "cb"), ({"date_to": begun + hour}, "ba"),
        ({"limit": 2}, "cb"), ({"limit": 2, "offset": 2}, "a"), ({"tags": {"k": "v"}}, "b"),
        ({"has_been_resurrected": True}, "a"), ({"has_been_resurrected": False}, "cb"),
    ):  # fmt: skip
        found = {each.job_name: each.id for each in await letters.list_dead_letter_jobs()}
        if not (await letters.get_dead_letter_job(found["b"])).tags:
            assert await letters.add_tags_to_job(found["b"], {"k": "v"}) is True
            await letters.replay(found["a"])
        chosen = await letters.list_dead_letter_jobs(DeadLetterFilter(**wanted))
        assert "".join(each.job_name for each in chosen) == names, wanted
    assert await letters.add_tags_to_job("nobody", {}) is False


async def test_many_are_replayed_or_deleted_at_once(app, taskq_clock):
    letters = await three(app, taskq_clock)
    of_x = DeadLetterFilter(queues=["x"])
    orders = await letters.bulk_replay(of_x, new_max_attempts=9)
    assert [(await app.get_job(order))["job_name"] for order in orders] == ["b", "a"]
    assert (await app.get_job(orders[0]))["max_attempts"] == 9
    assert await letters.bulk_delete(of_x) == 2
    assert [each.job_name for each in await letters.list_dead_letter_jobs()] == ["c"]


@pytest.mark.taskq_strict(False)
async def test_a_job_that_is_not_registered_any_more_is_not_replayed(soniq_app):
    order = await soniq_app.enqueue(TaskRef("gone"))
    await soniq_app.run_worker(run_once=True)
    row = await soniq_app.get_job(order)
    assert (row["dead_letter_reason"], row["attempts"]) == ("job_not_found", 4)
    assert row["last_error"] == "Job gone not registered."
    assert await soniq_app.dead_letter.replay(order) is None


async def test_dead_letters_are_counted(app, taskq_clock):
    letters = await three(app, taskq_clock)
    await letters.replay((await letters.list_dead_letter_jobs())[0].id)
    stats = await letters.get_dead_letter_stats()
    assert (stats.total_count, stats.by_job_name) == (3, {"a": 1, "b": 1, "c": 1})
    assert (stats.by_queue, stats.by_reason) == ({"x": 2, "y": 1}, {"max_retries_exceeded": 3})
    assert (stats.oldest_job_age_hours, sum(stats.by_date.values())) == (3.0, 3)
    assert round(stats.resurrection_success_rate) == 33
    assert (await letters.get_dead_letter_stats(hours=2)).by_job_name == {"b": 1, "c": 1}
    taskq_clock.advance(days=8)
    assert (await letters.get_dead_letter_stats()).by_date == {}


async def test_old_dead_letters_are_cleaned_up(app, taskq_clock):
    letters = await three(app, taskq_clock)
    taskq_clock.advance(days=30, hours=-2)
    assert await letters.cleanup_old_dead_letter_jobs(days=30, dry_run=True) == 1
    assert await letters.cleanup_old_dead_letter_jobs(days=30) == 1
    assert [each.job_name for each in await letters.list_dead_letter_jobs()] == ["c", "b"]


@pytest.mark.taskq_strict(False)
async def test_an_attempt_beyond_the_last_is_an_error_of_the_job(app, taskq):
    await app.dead_letter.replay(await dead(app), reset_attempts=False)
    with pytest.raises(Exception, match=r"^Max attempts exceeded \(job crashed repeatedly\)"):
        await taskq.drain()


@pytest.mark.taskq_strict(False)
async def test_an_attempt_beyond_the_last_is_not_made(app):
    first = await dead(app)
    again = await app.dead_letter.replay(first, reset_attempts=False)
    app.bank_is_open = True
    await app.run_worker(run_once=True)
    row = await app.get_job(again)
    assert (row["status"], row["attempts"]) == ("dead_letter", 3)
    assert row["last_error"] == "Max attempts exceeded (job crashed repeatedly)"
