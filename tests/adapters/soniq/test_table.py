"""A backend for real Soniq apps: results, twins, lists, figures, workers and the end of it all."""

from datetime import UTC, datetime, timedelta

import pytest
from soniq import Soniq

from pytest_taskq.adapters.soniq import TaskqBackend

pytestmark = pytest.mark.asyncio

START = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("result", "kept"),
    [
        ({"n": 7}, {"n": 7}), ((1, 2), [1, 2]), (None, None), (0, 0),
        (START, str(START)), ({"at": START}, {"at": str(START)}), (float("inf"), "inf"),
    ],
    ids=str,
)  # fmt: skip
async def test_a_result_is_kept_as_json(backend, calls, result, kept):
    await calls.create()
    await calls.fetch()
    await backend.mark_job_done("j1", result=result)
    assert (await backend.get_job("j1"))["result"] == kept


async def test_what_was_done_lives_as_long_as_it_is_told(backend, calls, clock):
    for job_id, ttl in (("gone", 0), ("short", 300), ("kept", None)):
        await calls.create(job_id)
        await calls.fetch()
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


async def test_a_unique_job_is_one_while_it_is_queued(backend, calls):
    asked = {"unique": True, "args_hash": "h"}
    await calls.create("a", **asked)
    assert await calls.create("b", queue="other", **asked) == "a"
    assert await calls.create("c", name="other", **asked) == "c"
    assert await calls.create("d", args_hash="h") == "d"
    assert (await backend.get_job("a"))["unique_job"] is True
    await calls.fetch()
    assert await calls.create("e", **asked) == "e"
    await backend.mark_job_failed("a", attempts=1, error="boom")  # back beside its twin
    assert (await backend.get_job("a"))["status"] == "queued"


async def test_a_dedup_key_is_one_whatever_the_job(backend, calls):
    await calls.create("a", dedup_key="k")
    assert await calls.create("b", name="other", dedup_key="k") == "a"
    assert await backend.cancel_job("a") is True
    assert await calls.create("c", dedup_key="k") == "c"


async def test_only_what_is_queued_is_cancelled_and_only_what_lives_deleted(backend, calls):
    await calls.create()
    await calls.create("j2")
    await calls.fetch()
    assert await backend.cancel_job("j1") is await backend.cancel_job("none") is False
    assert await backend.cancel_job("j2") is True
    assert await backend.cancel_job("j2") is False
    assert (await backend.get_job("j2"))["status"] == "cancelled"
    assert await backend.delete_job("j1") is await backend.delete_job("j2") is True
    assert await backend.delete_job("j1") is False


async def test_the_newest_is_listed_first_also_when_time_stands_still(backend, calls):
    for job_id, queue in (("a", "x"), ("b", "y"), ("c", "x"), ("d", "x")):
        await calls.create(job_id, queue=queue)
    await backend.cancel_job("a")

    async def listed(**given):
        return "".join([row["id"] for row in await backend.list_jobs(**given)])

    assert await listed() == "dcba"
    assert await listed(queue="x", limit=2) == "dc"
    assert await listed(limit=2, offset=1) == "cb"
    assert await listed(status="cancelled") == "a"
    assert await listed(status="dead_letter") == await listed(status="bogus") == ""


async def test_statistics_have_six_keys_and_count_outcomes_without_a_claim(backend, calls):
    keys = ["total", "queued", "processing", "done", "dead_letter", "cancelled"]
    assert await backend.get_queue_stats() == dict.fromkeys(keys, 0)
    for job_id in "abcde":
        await calls.create(job_id)
    await backend.mark_job_done("b")
    await backend.mark_job_dead_letter("c", attempts=3, error="x", reason="manual_move")
    await backend.cancel_job("d")
    await calls.fetch()
    assert await backend.get_queue_stats() == {**dict.fromkeys(keys, 1), "total": 5}
    assert (await backend.get_job("b"))["attempts"] == 0
    await backend.mark_job_done("nobody")
    await backend.mark_job_failed("b", attempts=1, error="x")
    assert (await backend.get_job("b"))["status"] == "done"


async def test_the_jobs_of_a_worker_that_is_not_heard_of_go_back(backend, calls, clock):
    facts = {"hostname": "h", "pid": 1, "queues": [], "concurrency": 1}
    for worker in ("w1", "w2", "w3"):
        await backend.register_worker(worker_id=worker, **facts)
        await calls.create(worker)
        await calls.fetch(worker)
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


async def test_a_job_that_lost_its_worker_is_due_as_it_was(backend, calls, clock):
    due = clock.time() + timedelta(seconds=10)
    await calls.create("a", scheduled_at=due)
    clock.advance(60)
    await backend.register_worker(worker_id="w1", hostname="h", pid=1, queues=[], concurrency=1)
    await calls.fetch("w1")
    await calls.create("b", scheduled_at=due + timedelta(seconds=20))
    assert await backend.cleanup_stale_workers(0) == 1
    assert (await backend.get_job("a"))["scheduled_at"] == due.isoformat()
    assert [await calls.fetch(), await calls.fetch()] == ["a", "b"]


async def test_a_job_that_crashes_its_workers_is_counted(backend, calls):
    await calls.create()
    for attempt in (1, 2):
        await backend.register_worker(
            worker_id=f"w{attempt}", hostname="h", pid=1, queues=[], concurrency=1
        )
        await calls.fetch(f"w{attempt}")
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


async def test_a_reset_leaves_nothing(backend, calls):
    await calls.create()
    await calls.create("j2")
    await backend.mark_job_dead_letter("j2", attempts=1, error="x", reason="manual_move")
    await backend.register_task_name(task_name="a", worker_id="w1")
    await backend.reset()
    assert set((await backend.get_queue_stats()).values()) == {0}
    assert await backend.list_registered_task_names() == []
    assert await backend.dead_letter.list_dead_letter_jobs() == []


async def test_who_looks_into_it_as_into_soniqs_own_can_read_and_not_write(backend, calls):
    await calls.create("a", args={"x": 1})
    await calls.create("b", scheduled_at=backend.queue.clock.time())
    await calls.create("dead")
    await backend.mark_job_dead_letter("dead", attempts=1, error="boom", reason="manual_move")
    assert await calls.fetch() == "a"
    assert [(key, row["status"]) for key, row in backend._jobs.items()] == [
        ("a", "processing"), ("b", "queued")
    ]  # fmt: skip
    assert (backend._jobs["a"]["args"], backend._jobs["a"]["worker_id"]) == ({"x": 1}, "w1")
    assert backend._jobs["b"]["scheduled_at"] == backend.queue.clock.time()
    assert backend._dead_letter_jobs["dead"]["last_error"] == "boom"
    for rows, key in ((backend._jobs, "b"), (backend._dead_letter_jobs, "dead")):
        with pytest.raises(TypeError, match="item assignment"):
            rows[key]["attempts"] = 5
        with pytest.raises(TypeError, match="item assignment"):
            rows["other"] = {}


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
