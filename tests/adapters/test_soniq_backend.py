"""A backend for real Soniq apps: each call of its protocol, as its workers and apps rely on it."""

from datetime import UTC, datetime, timedelta

import pytest
from soniq import Soniq
from soniq.backends import StorageBackend

from pytest_taskq.adapters.soniq import TaskqBackend
from pytest_taskq.core.errors import BadOption
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.stores.memory import MemoryStore
from pytest_taskq.stores.sqlite import SqliteStore

pytestmark = pytest.mark.asyncio

START = datetime(2030, 1, 1, tzinfo=UTC)
DAY = 86_400


@pytest.fixture
def clock():
    return Clock("held", START)


@pytest.fixture(params=[MemoryStore, SqliteStore])
def backend(request, clock, tmp_path):
    store = request.param(tmp_path / "jobs.db") if request.param is SqliteStore else MemoryStore()
    queue = Queue(store, clock)
    yield TaskqBackend(queue)
    queue.sync(queue.aclose())


async def create(backend, job_id="j1", name="mod.func", **given):
    asked = {
        "args": {"x": 1}, "args_hash": None, "max_attempts": 3, "priority": 100,
        "queue": "default", "unique": False, **given,
    }  # fmt: skip
    return await backend.create_job(job_id=job_id, job_name=name, **asked)


async def fetch(backend, worker="w1", queues=None):
    row = await backend.fetch_and_lock_job(queues=queues, worker_id=worker)
    return None if row is None else row["id"]


async def test_it_is_a_backend_by_all_protocols(backend):
    assert isinstance(backend, StorageBackend)
    assert isinstance(TaskqBackend(), StorageBackend)
    assert backend.supports_push_notify is False
    with pytest.raises(ValueError, match="Transactional enqueue is not supported"):
        backend.acquire()
    with pytest.raises(BadOption, match=r"TaskqBackend\(\) for one in memory"):
        TaskqBackend("memory")


async def test_the_row_of_a_new_job(backend):
    assert await create(backend, producer_id="ann", dedup_key="k") == "j1"
    now = START.isoformat()
    assert await backend.get_job("j1") == {
        "id": "j1", "job_name": "mod.func", "args": {"x": 1}, "args_hash": None,
        "status": "queued", "attempts": 0, "max_attempts": 3, "priority": 100,
        "queue": "default", "unique_job": False, "dedup_key": "k", "scheduled_at": None,
        "producer_id": "ann", "expires_at": None, "result": None, "last_error": None,
        "worker_id": None, "created_at": now, "updated_at": now,
    }  # fmt: skip
    assert await backend.get_job("j2") is None


async def test_a_claimed_row_is_counted_and_has_times_as_datetimes(backend, clock):
    due = START + timedelta(hours=1)
    await create(backend, scheduled_at=due)
    assert await fetch(backend) is None
    clock.advance(hours=1)
    row = await backend.fetch_and_lock_job(queues=["default"], worker_id="w1")
    assert (row["status"], row["attempts"], row["worker_id"]) == ("processing", 1, "w1")
    assert (row["scheduled_at"], row["created_at"]) == (due, START)
    assert (await backend.get_job("j1"))["updated_at"] == due.isoformat()
    assert await fetch(backend) is None


async def test_a_worker_without_an_id_is_none(backend):
    await create(backend)
    row = await backend.fetch_and_lock_job(queues=None, worker_id=None)
    assert row["worker_id"] is None


async def test_the_arguments_of_a_claimed_row_are_a_copy(backend):
    args = {"x": [1]}
    await create(backend, args=args)
    row = await backend.fetch_and_lock_job(queues=None, worker_id=None)
    row["args"]["ctx"] = object()
    row["args"]["x"].append(2)
    assert args == (await backend.get_job("j1"))["args"] == {"x": [1]}


async def test_the_order_is_priority_then_time_then_age(backend, clock):
    await create(backend, "late", scheduled_at=START + timedelta(seconds=20))
    await create(backend, "early", scheduled_at=START + timedelta(seconds=10))
    await create(backend, "urgent", priority=1, scheduled_at=START + timedelta(seconds=30))
    for name in ("b", "a", "c"):
        await create(backend, name)
    clock.advance(60)
    assert [await fetch(backend) for _ in range(6)] == ["urgent", "b", "a", "c", "early", "late"]


async def test_only_the_queues_that_are_asked_for(backend):
    await create(backend, "a", queue="emails")
    await create(backend, "b", queue="billing")
    assert await fetch(backend, queues=[]) is None
    assert await fetch(backend, queues=["billing", "other"]) == "b"
    assert await fetch(backend) == "a"


async def test_a_failure_is_due_after_its_delay_and_no_sooner(backend, clock):
    await create(backend)
    await fetch(backend)
    await backend.mark_job_failed("j1", attempts=1, error="ValueError: v", retry_delay=DAY)
    row = await backend.get_job("j1")
    assert (row["status"], row["attempts"], row["last_error"]) == ("queued", 1, "ValueError: v")
    assert row["scheduled_at"] == (START + timedelta(days=1)).isoformat()
    clock.advance(DAY - 1)
    assert await fetch(backend) is None
    clock.advance(1)
    assert await fetch(backend) == "j1"


@pytest.mark.parametrize("delay", [None, 0])
async def test_a_failure_without_a_delay_goes_first_again(backend, delay):
    await create(backend, "a")
    await create(backend, "b")
    await fetch(backend)
    await backend.mark_job_failed("a", attempts=1, error="boom", retry_delay=delay)
    assert (await backend.get_job("a"))["scheduled_at"] is None
    assert [await fetch(backend), await fetch(backend)] == ["a", "b"]


async def test_a_dead_letter_has_the_id_of_its_job(backend, clock):
    await create(backend)
    await fetch(backend)
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


async def test_a_job_that_was_put_back_keeps_its_attempts_and_its_error(backend, clock):
    await create(backend)
    await fetch(backend)
    await backend.mark_job_failed("j1", attempts=1, error="boom")
    await backend.nack_job("j1")  # it is queued: nothing
    await fetch(backend)
    clock.advance(60)
    await backend.nack_job("j1")
    await backend.nack_job("j1")
    row = await backend.get_job("j1")
    assert (row["status"], row["attempts"], row["last_error"]) == ("queued", 2, "boom")
    assert (row["worker_id"], row["scheduled_at"]) == (None, clock.time().isoformat())
    await fetch(backend)
    assert (await backend.get_job("j1"))["attempts"] == 3
    await backend.mark_job_done("j1")
    await backend.nack_job("j1")
    assert (await backend.get_job("j1"))["status"] == "done"


async def test_a_snooze_gives_the_attempt_back(backend, clock):
    await create(backend)
    for reason, text in (("429", "SNOOZE: 429"), (None, "SNOOZE")):
        await fetch(backend)
        await backend.reschedule_job("j1", delay_seconds=30, attempts=0, reason=reason)
        row = await backend.get_job("j1")
        assert (row["status"], row["attempts"], row["last_error"]) == ("queued", 0, text)
        clock.advance(29)
        assert await fetch(backend) is None
        clock.advance(1)


@pytest.mark.parametrize(
    ("result", "kept"),
    [
        ({"n": 7}, {"n": 7}), ((1, 2), [1, 2]), (None, None), (0, 0),
        (START, str(START)), ({"at": START}, {"at": str(START)}), (float("inf"), "inf"),
    ],
    ids=str,
)  # fmt: skip
async def test_a_result_is_kept_as_json(backend, result, kept):
    await create(backend)
    await fetch(backend)
    await backend.mark_job_done("j1", result=result)
    assert (await backend.get_job("j1"))["result"] == kept


async def test_what_was_done_lives_as_long_as_it_is_told(backend, clock):
    for job_id, ttl in (("gone", 0), ("short", 300), ("kept", None)):
        await create(backend, job_id)
        await fetch(backend)
        await backend.mark_job_done(job_id, result_ttl=ttl)
    assert await backend.get_job("gone") is None
    expires = (START + timedelta(seconds=300)).isoformat()
    assert (await backend.get_job("short"))["expires_at"] == expires
    assert (await backend.get_job("kept"))["expires_at"] is None
    clock.advance(300)
    assert await backend.delete_expired_jobs() == 0
    clock.advance(1)
    assert await backend.delete_expired_jobs() == 1
    assert [row["id"] for row in await backend.list_jobs()] == ["kept"]


async def test_a_unique_job_is_one_while_it_is_queued(backend):
    asked = {"unique": True, "args_hash": "h"}
    await create(backend, "a", **asked)
    assert await create(backend, "b", queue="other", **asked) == "a"
    assert await create(backend, "c", name="other", **asked) == "c"
    assert await create(backend, "d", args_hash="h") == "d"
    assert (await backend.get_job("a"))["unique_job"] is True
    await fetch(backend)
    assert await create(backend, "e", **asked) == "e"
    await backend.mark_job_failed("a", attempts=1, error="boom")  # back beside its twin
    assert (await backend.get_job("a"))["status"] == "queued"


async def test_a_dedup_key_is_one_whatever_the_job(backend):
    await create(backend, "a", dedup_key="k")
    assert await create(backend, "b", name="other", dedup_key="k") == "a"
    assert await backend.cancel_job("a") is True
    assert await create(backend, "c", dedup_key="k") == "c"


async def test_only_what_is_queued_is_cancelled_and_only_what_lives_deleted(backend):
    await create(backend)
    await create(backend, "j2")
    await fetch(backend)
    assert await backend.cancel_job("j1") is await backend.cancel_job("none") is False
    assert await backend.cancel_job("j2") is True
    assert await backend.cancel_job("j2") is False
    assert (await backend.get_job("j2"))["status"] == "cancelled"
    assert await backend.delete_job("j1") is await backend.delete_job("j2") is True
    assert await backend.delete_job("j1") is False


async def test_the_newest_is_listed_first_also_when_time_stands_still(backend):
    for job_id, queue in (("a", "x"), ("b", "y"), ("c", "x"), ("d", "x")):
        await create(backend, job_id, queue=queue)
    await backend.cancel_job("a")

    async def listed(**given):
        return "".join([row["id"] for row in await backend.list_jobs(**given)])

    assert await listed() == "dcba"
    assert await listed(queue="x", limit=2) == "dc"
    assert await listed(limit=2, offset=1) == "cb"
    assert await listed(status="cancelled") == "a"
    assert await listed(status="dead_letter") == await listed(status="bogus") == ""


async def test_statistics_have_six_keys_and_count_outcomes_without_a_claim(backend):
    keys = ["total", "queued", "processing", "done", "dead_letter", "cancelled"]
    assert await backend.get_queue_stats() == dict.fromkeys(keys, 0)
    for job_id in "abcde":
        await create(backend, job_id)
    await backend.mark_job_done("b")
    await backend.mark_job_dead_letter("c", attempts=3, error="x", reason="manual_move")
    await backend.cancel_job("d")
    await fetch(backend)
    assert await backend.get_queue_stats() == {**dict.fromkeys(keys, 1), "total": 5}
    assert (await backend.get_job("b"))["attempts"] == 0
    await backend.mark_job_done("nobody")
    await backend.mark_job_failed("b", attempts=1, error="x")
    assert (await backend.get_job("b"))["status"] == "done"


async def test_the_jobs_of_a_worker_that_is_not_heard_of_go_back(backend, clock):
    facts = {"hostname": "h", "pid": 1, "queues": [], "concurrency": 1}
    for worker in ("w1", "w2", "w3"):
        await backend.register_worker(worker_id=worker, **facts)
        await create(backend, worker)
        await fetch(backend, worker)
    clock.advance(300)
    await backend.update_heartbeat("w2", {"load": 1})
    await backend.update_heartbeat("nobody")
    await backend.mark_worker_stopped("w3")
    assert await backend.cleanup_stale_workers(stale_threshold_seconds=300) == 0
    clock.advance(1)
    assert await backend.cleanup_stale_workers(stale_threshold_seconds=300) == 1
    row = await backend.get_job("w1")
    assert (row["status"], row["attempts"], row["last_error"]) == ("queued", 1, None)
    assert (await backend.get_job("w2"))["status"] == "processing"
    assert await backend.cleanup_stale_workers(stale_threshold_seconds=0) == 1
    await backend.mark_job_done("w2")  # too late: it is the queue's again
    assert (await backend.get_job("w2"))["status"] == "queued"


async def test_a_job_that_crashes_its_workers_is_counted(backend):
    await create(backend)
    for attempt in (1, 2):
        await backend.register_worker(
            worker_id=f"w{attempt}", hostname="h", pid=1, queues=[], concurrency=1
        )
        await fetch(backend, f"w{attempt}")
        assert await backend.cleanup_stale_workers(0) == 1
        assert (await backend.get_job("j1"))["attempts"] == attempt


async def test_task_names_are_told_by_name_and_worker(backend, clock):
    for name, worker in (("b", "w1"), ("a", "w2"), ("a", "w1")):
        await backend.register_task_name(task_name=name, worker_id=worker)
    clock.advance(1)
    await backend.register_task_name(task_name="a", worker_id="w1", args_model_repr="M")
    rows = await backend.list_registered_task_names()
    assert [(row["task_name"], row["worker_id"]) for row in rows] == [
        ("a", "w1"), ("a", "w2"), ("b", "w1")
    ]  # fmt: skip
    assert (rows[0]["args_model_repr"], rows[0]["last_seen_at"]) == ("M", clock.time())


async def test_a_reset_leaves_nothing(backend):
    await create(backend)
    await create(backend, "j2")
    await backend.mark_job_dead_letter("j2", attempts=1, error="x", reason="manual_move")
    await backend.register_task_name(task_name="a", worker_id="w1")
    await backend.reset()
    assert set((await backend.get_queue_stats()).values()) == {0}
    assert await backend.list_registered_task_names() == []
    assert await backend.dead_letter.list_dead_letter_jobs() == []


async def test_without_arguments_it_tells_the_time_that_soniq_is_told(taskq_clock):
    app = Soniq(backend=TaskqBackend())

    @app.job(name="later", retry_delay=60)
    async def later():
        raise ValueError

    order = await app.enqueue(later, scheduled_at=3600)
    taskq_clock.advance(3599)
    assert await app.run_worker(run_once=True) is False
    taskq_clock.advance(1)
    assert await app.run_worker(run_once=True) is True
    due = taskq_clock.time() + timedelta(seconds=60)
    assert (await app.get_job(order))["scheduled_at"] == due.isoformat()
    await app.close()
