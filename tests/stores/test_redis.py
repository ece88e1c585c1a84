"""What is Redis's own: its keys, its scripts, its connection, and how much is asked of it."""

import asyncio

import pytest
import pytest_asyncio
from redis import asyncio as driver

from pytest_taskq.core import transitions
from pytest_taskq.core.errors import StoreUnavailable
from pytest_taskq.core.job import Hold, Job, Lease, State
from pytest_taskq.core.outcome import Succeeded
from pytest_taskq.core.store import Change, JobQuery
from pytest_taskq.stores.fakeredis import FakeConnections
from pytest_taskq.stores.redis import RedisConnections, RedisStore

pytestmark = pytest.mark.asyncio

QUEUED, RUNNING = frozenset({State.QUEUED}), frozenset({State.RUNNING})


@pytest.fixture(params=["redis", "fakeredis"])
def connections(request, backends):
    if request.param == "fakeredis":
        return FakeConnections()
    return RedisConnections(backends.place("redis"))


@pytest_asyncio.fixture
async def store(connections, backends):
    made = RedisStore(connections, backends.new_namespace())
    yield made
    await made.drop()
    await connections.aclose()


@pytest_asyncio.fixture
async def real(backends):
    """A store on a real server, and a client of the driver beside it."""
    connections = RedisConnections(backends.place("redis"))
    made = RedisStore(connections, backends.new_namespace())
    async with driver.Redis.from_url(backends.place("redis")) as client:
        yield made, client
        await made.drop()
    await connections.aclose()


def new(due_at=0, **fields):
    return Job(task="bake", payload="[]", due_at=due_at, **fields)


async def add(store, *jobs):
    return await store.put([Change(job, None) for job in jobs])


async def claim(store, job, token=1):
    (answer,) = await store.put([Change(transitions.claim(job, Lease("w", token, 100), 0), job)])
    return answer


async def ready(store, limit=None, due_by=0, queues=None):
    return await store.find(
        JobQuery(
            states=QUEUED,
            queues=queues,
            due_by=due_by,
            claimable=True,
            sort="claim",
            limit=limit,
        )
    )


async def keys_of(store, client):
    return [key async for key in client.scan_iter(match=f"taskq:{{{store.namespace}}}:*")]


async def test_all_keys_have_one_hash_tag_and_nothing_is_left_after_drop(real):
    store, client = real
    lock = Hold("lock", RUNNING)
    jobs = await add(store, *[new(key="k", holds=(lock,)) for _ in range(3)], new(9))
    await claim(store, jobs[0])
    await ready(store)
    assert await keys_of(store, client)
    await store.drop()
    assert await keys_of(store, client) == []


async def test_looking_leaves_nothing_behind(real):
    store, client = real
    assert await ready(store) == []
    assert await store.find(JobQuery()) == []
    assert await store.delete([new(id=1)]) == [False]
    assert await keys_of(store, client) == []


async def test_a_server_that_forgot_our_scripts_is_told_them_again(real):
    store, client = real
    await add(store, new())
    await client.script_flush()
    assert [job.id for job in await add(store, new())] == [2]
    await client.script_flush()
    assert len(await ready(store)) == 2


async def test_a_connection_that_the_server_has_ended_is_opened_again(real):
    store, client = real
    await add(store, new())
    await client.client_kill_filter(_type="normal", skipme=True)
    assert [job.id for job in await add(store, new())] == [2]


async def test_a_call_that_is_cancelled_leaves_the_next_one_its_own_answer(real):
    store, _ = real
    await add(store, new())
    task = asyncio.ensure_future(store.find(JobQuery()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    job = await store.get(1)
    assert job is not None
    assert job.id == 1


async def test_batches_and_answers_may_be_larger_than_one_call(store):
    jobs = await add(store, *[new() for _ in range(1_201)])
    assert [job.id for job in jobs] == list(range(1, 1_202))
    assert await store.find(JobQuery()) == jobs
    assert await ready(store) == jobs
    assert all(await store.delete(jobs))
    assert await store.find(JobQuery()) == []


async def test_jobs_of_many_queues_come_in_one_order(store):
    jobs = [new(due_at=-n % 7, queue=f"q{n % 5}", priority=n % 2) for n in range(40)]
    stored = await add(store, *jobs)
    order = JobQuery(sort="claim").order
    assert await ready(store, due_by=9) == sorted(stored, key=order)
    few = frozenset({"q1", "q3", "nobody's"})
    mine = sorted([job for job in stored if job.queue in few], key=order)
    assert await ready(store, due_by=9, queues=few, limit=6) == mine[:6]


async def test_blocked_jobs_are_looked_at_once_and_not_at_every_claim(real):
    store, client = real
    lock, line = Hold("lock", RUNNING), Hold("line", RUNNING, ordered=True)
    amount = 150
    await add(store, *[new(holds=(lock,)) for _ in range(amount)])
    await add(store, *[new(holds=(line,)) for _ in range(amount)])
    await client.config_resetstat()
    done = []
    while found := await ready(store, limit=2):
        job = await claim(store, found[0])
        await ready(store, limit=2)
        await store.put([Change(transitions.finish(job, 1, Succeeded(), 1), job)])
        done.append(job.id)
    assert done == list(range(1, 2 * amount + 1))
    stats = await client.info("commandstats")
    # Once each would be 600 claims and finishes; each time all would be 45,000 looks.
    assert sum(stats[f"cmdstat_{name}"]["calls"] for name in ("zrem", "zadd")) < 20 * amount * 2
    assert stats["cmdstat_zrangebylex"]["calls"] < 50 * amount * 2


async def test_other_handles_changes_are_told_also_after_the_connection_was_lost(real):
    store, client = real
    other = RedisStore(store._connections, store.namespace)
    told = asyncio.Event()
    async with asyncio.timeout(30), store.watch(told.set):
        await add(other, new())
        await told.wait()
        told.clear()
        await client.client_kill_filter(_type="pubsub")
        await told.wait()
        told.clear()
        while not told.is_set():  # it may take a moment until it listens again
            await add(other, new())
            await asyncio.sleep(0.05)


async def test_the_version_is_that_of_the_server(connections):
    assert tuple(map(int, (await connections.version()).split(".")[:2])) >= (2, 26)
    await connections.aclose()


async def test_handles_of_one_loop_share_one_connection(real):
    store, client = real
    before = len(await client.client_list())
    for number in range(5):
        await add(RedisStore(store._connections, f"{store.namespace}x{number}"), new())
    assert len(await client.client_list()) <= before + 1
    for number in range(5):
        await RedisStore(store._connections, f"{store.namespace}x{number}").drop()


async def test_a_full_server_and_a_replica_say_so(real):
    store, client = real
    await add(store, new())
    try:
        await client.config_set("maxmemory", 1)
        with pytest.raises(StoreUnavailable, match=r"has no memory left.*Raise maxmemory"):
            await add(store, new())
    finally:
        await client.config_set("maxmemory", 0)
    try:
        await client.replicaof("127.0.0.1", "1")
        with pytest.raises(StoreUnavailable, match=r"it is a replica.*Use the primary"):
            await add(store, new())
    finally:
        await client.replicaof("NO", "ONE")
    assert [job.id for job in await add(store, new())] == [2]
