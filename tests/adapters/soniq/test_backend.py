"""A backend for real Soniq apps: how jobs are created, claimed, retried, put back and ended."""

from datetime import UTC, datetime, timedelta

import pytest
from soniq.backends import StorageBackend

from pytest_taskq.adapters.soniq import TaskqBackend
from pytest_taskq.core.errors import BadOption

pytestmark = pytest.mark.asyncio

START = datetime(2030, 1, 1, tzinfo=UTC)
DAY = 86_400


async def test_it_is_a_backend_by_all_protocols(backend):
    assert isinstance(backend, StorageBackend)
    assert isinstance(TaskqBackend(), StorageBackend)
    assert backend.supports_push_notify is False
    with pytest.raises(ValueError, match="Transactional enqueue is not supported"):
        backend.acquire()
    with pytest.raises(BadOption, match=r"TaskqBackend\(\) for one in memory"):
        TaskqBackend("memory")


async def test_the_row_of_a_new_job(backend, calls):
    assert await calls.create(producer_id="ann", dedup_key="k") == "j1"
    now = START.isoformat()
    assert await backend.get_job("j1") == {
        "id": "j1", "job_name": "mod.func", "args": {"x": 1}, "args_hash": None,
        "status": "queued", "attempts": 0, "max_attempts": 3, "priority": 100,
        "queue": "default", "unique_job": False, "dedup_key": "k", "scheduled_at": None,
        "producer_id": "ann", "expires_at": None, "result": None, "last_error": None,
        "worker_id": None, "created_at": now, "updated_at": now,
    }  # fmt: skip
    assert await backend.get_job("j2") is None


async def test_a_claimed_row_is_counted_and_has_times_as_datetimes(backend, calls, clock):
    due = START + timedelta(hours=1)
    await calls.create(scheduled_at=due)
    assert await calls.fetch() is None
    clock.advance(hours=1)
    row = await backend.fetch_and_lock_job(queues=["default"], worker_id="w1")
    assert (row["status"], row["attempts"], row["worker_id"]) == ("processing", 1, "w1")
    assert (row["scheduled_at"], row["created_at"]) == (due, START)
    assert (await backend.get_job("j1"))["updated_at"] == due.isoformat()
    assert await calls.fetch() is None


async def test_a_worker_without_an_id_is_none(backend, calls):
    await calls.create()
    row = await backend.fetch_and_lock_job(queues=None, worker_id=None)
    assert row["worker_id"] is None


async def test_the_arguments_of_a_claimed_row_are_a_copy(backend, calls):
    args = {"x": [1]}
    await calls.create(args=args)
    row = await backend.fetch_and_lock_job(queues=None, worker_id=None)
    row["args"]["ctx"] = object()
    row["args"]["x"].append(2)
    assert args == (await backend.get_job("j1"))["args"] == {"x": [1]}


async def test_the_order_is_priority_then_time_then_age(backend, calls, clock):
    await calls.create("late", scheduled_at=START + timedelta(seconds=20))
    await calls.create("early", scheduled_at=START + timedelta(seconds=10))
    await calls.create("urgent", priority=1, scheduled_at=START + timedelta(seconds=30))
    for name in ("b", "a", "c"):
        await calls.create(name)
    clock.advance(60)
    assert [await calls.fetch() for _ in range(6)] == ["urgent", "b", "a", "c", "early", "late"]


async def test_only_the_queues_that_are_asked_for(backend, calls):
    await calls.create("a", queue="emails")
    await calls.create("b", queue="billing")
    assert await calls.fetch(queues=[]) is None
    assert await calls.fetch(queues=["billing", "other"]) == "b"
    assert await calls.fetch() == "a"


async def test_a_failure_is_due_after_its_delay_and_no_sooner(backend, calls, clock):
    await calls.create()
    await calls.fetch()
    await backend.mark_job_failed("j1", attempts=1, error="ValueError: v", retry_delay=DAY)
    row = await backend.get_job("j1")
    assert (row["status"], row["attempts"], row["last_error"]) == ("queued", 1, "ValueError: v")
    assert row["scheduled_at"] == (START + timedelta(days=1)).isoformat()
    clock.advance(DAY - 1)
    assert await calls.fetch() is None
    clock.advance(1)
    assert await calls.fetch() == "j1"


@pytest.mark.parametrize("delay", [None, 0])
async def test_a_failure_without_a_delay_goes_first_again(backend, calls, delay):
    await calls.create("a")
    await calls.create("b")
    await calls.fetch()
    await backend.mark_job_failed("a", attempts=1, error="boom", retry_delay=delay)
    assert (await backend.get_job("a"))["scheduled_at"] is None
    assert [await calls.fetch(), await calls.fetch()] == ["a", "b"]


async def test_a_dead_letter_has_the_id_of_its_job(backend, calls, clock):
    await calls.create()
    await calls.fetch()
    clock.advance(60)
    await backend.mark_job_dead_letter(
        "j1", attempts=3, error="boom", reason="manual_move", tags={"k": "v"}
    )
    assert await backend.get_job("j1") == {
        "id": "j1", "job_name": "mod.func", "args": {"x": 1}, "status": "dead_letter",
        "attempts": 3, "max_attempts": 3, "queue": "default", "priority": 100,
        "scheduled_at": None, "last_error": "boom", "result": None,
        "dead_letter_reason": "manual_move", "created_at": START.isoformat(),
        "updated_at": clock.time().isoformat(),
    }  # fmt: skip
    assert await backend.list_jobs() == []
    assert await backend.cancel_job("j1") is await backend.delete_job("j1") is False
    (letter,) = await backend.dead_letter.list_dead_letter_jobs()
    assert (letter.id, letter.tags, letter.original_created_at) == ("j1", {"k": "v"}, START)
    assert backend._dead_letter_jobs["j1"]["dead_letter_reason"] == "manual_move"


async def test_a_job_that_was_put_back_keeps_its_attempts_and_its_error(backend, calls, clock):
    await calls.create()
    await calls.fetch()
    await backend.mark_job_failed("j1", attempts=1, error="boom")
    await backend.nack_job("j1")  # it is queued: nothing
    await calls.fetch()
    clock.advance(60)
    await backend.nack_job("j1")
    await backend.nack_job("j1")
    row = await backend.get_job("j1")
    assert (row["status"], row["attempts"], row["last_error"]) == ("queued", 2, "boom")
    assert (row["worker_id"], row["scheduled_at"]) == (None, clock.time().isoformat())
    await calls.fetch()
    assert (await backend.get_job("j1"))["attempts"] == 3
    await backend.mark_job_done("j1")
    await backend.nack_job("j1")
    assert (await backend.get_job("j1"))["status"] == "done"


async def test_a_snooze_gives_the_attempt_back(backend, calls, clock):
    await calls.create()
    for reason, text in (("429", "SNOOZE: 429"), (None, "SNOOZE")):
        await calls.fetch()
        await backend.reschedule_job("j1", delay_seconds=30, attempts=0, reason=reason)
        row = await backend.get_job("j1")
        assert (row["status"], row["attempts"], row["last_error"]) == ("queued", 0, text)
        clock.advance(29)
        assert await calls.fetch() is None
        clock.advance(1)
