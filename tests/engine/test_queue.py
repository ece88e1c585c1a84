"""The verbs of a queue: what lands, what is refused, and that a late worker changes nothing."""

import asyncio
import threading

import pytest

from pytest_taskq.core.errors import BadOption, NameHeld, NotStorable, PayloadTooLarge, WrongLoop
from pytest_taskq.core.job import Failure, Hold, State
from pytest_taskq.core.outcome import Again, Failed, Succeeded
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.leases import Ended
from pytest_taskq.engine.queue import Queue
from pytest_taskq.stores.memory import MemoryStore

pytestmark = pytest.mark.asyncio

QUEUED = frozenset({State.QUEUED})
BOOM = Failure("ValueError", "boom", "")


@pytest.fixture
def queue():
    return Queue(MemoryStore(), Clock("held"), seed=0)


async def add(on, **options):
    return await on.enqueue(on.new_job("bake", **options))


async def test_a_job_gets_its_id_when_it_is_stored(queue):
    assert queue.new_job("bake").id == 0
    assert (await add(queue)).id == 1


async def test_a_taken_name_refuses_the_job_and_names_the_holder(queue):
    key = Hold("bread", QUEUED)
    first = await add(queue, holds=(key,))
    with pytest.raises(NameHeld) as caught:
        await add(queue, holds=(key,))
    assert (caught.value.holder, caught.value.name) == (first.id, "bread")
    assert len(await queue.find()) == len(queue.history) == 1


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"args": (object(),)}, NotStorable, r"args\[0\]"),
        ({"kwargs": {"user": {"avatar": open}}}, NotStorable, r"args\.user\.avatar"),
        ({"args": ("x" * 300_000,)}, PayloadTooLarge, "262"),
        ({"priority": 2**31}, BadOption, "priority"),
        ({"priority": True}, BadOption, "priority"),
        ({"queue": ""}, BadOption, "queue"),
        ({"key": "k" * 513}, BadOption, "str of 513"),
        ({"queue": "a\0b"}, BadOption, "NUL"),
    ],
)
async def test_bad_input_is_refused_before_it_leaves_a_trace(queue, options, error, text):
    with pytest.raises(error, match=text):
        await add(queue, **options)
    assert await queue.find() == []
    assert len(queue.history) == 0


async def test_a_late_worker_changes_nothing(queue):
    await add(queue)
    (old,) = await queue.leases.claim("slow", 1)
    queue.clock.advance(300)
    await queue.leases.expire(lambda job: Again(at=queue.clock.now()))
    (new,) = await queue.leases.claim("quick", 1)
    assert await queue.leases.finish([Ended(old, Succeeded("1"))]) == [None]
    assert await queue.leases.renew([old]) == [None]
    assert await queue.get(new.id) == new
    assert [event.verb for event in queue.history][-1] == "late"


async def test_an_outcome_lands_on_a_record_that_changed_under_the_attempt(queue):
    job = await add(queue)
    (claimed,) = await queue.leases.claim("w", 1)
    await queue.leases.renew([claimed])
    await queue.cancel(job.id)
    (done,) = await queue.leases.finish([Ended(claimed, Succeeded("1"))])
    assert (done.state, done.result) == (State.SUCCEEDED, "1")


async def test_a_renewal_moves_the_lease(queue):
    await add(queue)
    (claimed,) = await queue.leases.claim("w", 1)
    queue.clock.advance(200)
    (renewed,) = await queue.leases.renew([claimed])
    assert [event.verb for event in queue.history] == ["enqueue", "claim", "renew"]
    assert renewed.lease.expires_at == queue.clock.now() + queue.leases.length
    assert await queue.leases.next_lapse() == renewed.lease.expires_at


async def test_what_follows_is_enqueued_after_the_name_is_let_go(queue):
    key = Hold("bread", frozenset({State.QUEUED, State.RUNNING}))
    await add(queue, holds=(key,))
    (claimed,) = await queue.leases.claim("w", 1)
    follow = queue.new_job("bake", holds=(key,))
    await queue.leases.finish([Ended(claimed, Succeeded(), follow=[follow])])
    states = [job.state for job in await queue.find()]
    assert states == [State.SUCCEEDED, State.QUEUED]


async def test_a_job_that_is_put_back_shares_a_name_that_was_taken_meanwhile(queue):
    lock = Hold("bread", QUEUED)
    job = await add(queue, holds=(lock,))
    (claimed,) = await queue.leases.claim("w", 1)
    await add(queue, holds=(lock,))
    await queue.leases.finish([Ended(claimed, None)])
    back = await queue.get(job.id)
    assert (back.state, back.attempt) == (State.QUEUED, 0)
    with pytest.raises(NameHeld):
        await add(queue, holds=(lock,))


@pytest.mark.parametrize("way", ["retry", "expire"])
async def test_a_job_that_cannot_go_back_is_kept_dead_with_the_reason(queue, way):
    lock = Hold("bread", QUEUED)
    job = await add(queue, holds=(lock,))
    (claimed,) = await queue.leases.claim("w", 1)
    other = await add(queue, holds=(lock,))
    if way == "retry":
        await queue.leases.finish([Ended(claimed, Failed(BOOM, Again(at=0)))])
    else:
        queue.clock.advance(300)
        await queue.leases.expire(lambda job: Again(at=0))
    dead = await queue.get(job.id)
    assert dead.state is State.DEAD
    if way != "expire":
        assert f"job {other.id} has taken the name 'bread'" in dead.failure.message


async def test_cancel_takes_a_queued_job_and_asks_a_running_one(queue):
    queued, running = await add(queue, priority=0), await add(queue, priority=1)
    await queue.leases.claim("w", 1)
    assert (await queue.cancel(queued.id)).state is State.CANCELLED
    assert (await queue.cancel(running.id)).cancel_requested
    assert await queue.cancel(queued.id) is None
    assert await queue.cancel(99) is None


async def test_a_dead_job_can_start_anew(queue):
    job = await add(queue)
    (claimed,) = await queue.leases.claim("w", 1)
    await queue.leases.finish([Ended(claimed, Failed(BOOM))])
    again = await queue.requeue(job.id)
    assert (again.state, again.attempt, again.failure) == (State.QUEUED, 0, BOOM)
    assert await queue.requeue(job.id) is None


async def test_the_history_tells_the_life_of_a_job(queue):
    job = await add(queue)
    (claimed,) = await queue.leases.claim("w", 1)
    error = ValueError("boom")
    await queue.leases.finish([Ended(claimed, Failed(BOOM, Again(at=0)), error)])
    (claimed,) = await queue.leases.claim("w", 1)
    await queue.leases.finish([Ended(claimed, Succeeded())])
    events = queue.history.of(job.id)
    assert [event.verb for event in events] == ["enqueue", "claim", "finish", "claim", "finish"]
    assert [event.job.version for event in events] == [0, 1, 2, 3, 4]
    assert queue.history.errors() == [(events[2].job, error)]


async def test_a_listener_hears_of_work_and_of_stops(queue):
    heard = []
    with queue.told(heard.append):
        job = await add(queue)
        await queue.leases.claim("w", 1)
        await queue.cancel(job.id)
    await add(queue)
    assert [item.id if item else None for item in heard] == [None, job.id]


async def test_two_loops_at_once_are_refused(queue):
    await add(queue)
    refused = []

    def elsewhere():
        try:
            asyncio.run(add(queue))
        except WrongLoop as error:
            refused.append(str(error))

    thread = threading.Thread(target=elsewhere)
    # Joined on this very loop, which is what "running" means.
    thread.start()
    thread.join()
    assert "run_coroutine_threadsafe" in refused[0]
