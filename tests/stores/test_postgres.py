"""What is Postgres's own: schemas, batches and plans, and one connection for each loop."""

import asyncio

import pytest

from pytest_taskq import wait_until
from pytest_taskq.core import transitions
from pytest_taskq.core.errors import BadOption, StoreUnavailable
from pytest_taskq.core.job import Hold, Job, Lease, State
from pytest_taskq.core.store import Change, JobQuery, Refusal
from pytest_taskq.stores.postgres import MISSING, PostgresConnections, PostgresStore

pytestmark = pytest.mark.asyncio

QUEUED, RUNNING = frozenset({State.QUEUED}), frozenset({State.RUNNING})


@pytest.fixture(scope="session")
def url(backends):
    return backends.place("postgres")


@pytest.fixture
def connections(url):
    return PostgresConnections(url)


@pytest.fixture
def store(connections, backends):
    return PostgresStore(connections, backends.new_namespace())


def new(task="bake", due_at=0, **fields):
    return Job(task=task, payload="[]", due_at=due_at, **fields)


async def put(store, after, replacing=None):
    (answer,) = await store.put([Change(after, replacing)])
    return answer


async def ask(connections, sql, *values):
    return await connections.run(lambda connection: connection.fetchval(sql, *values))


async def schemas(store):
    sql = "SELECT count(*) FROM pg_namespace WHERE nspname = $1"
    return await ask(store._connections, sql, store._namespace)


# ------ namespaces


async def test_a_schema_is_made_at_first_use_and_goes_with_drop(store):
    assert await schemas(store) == 0
    await put(store, new())
    assert await schemas(store) == 1
    await store.drop()
    assert await schemas(store) == 0


async def test_a_schema_can_be_made_before_its_first_use(store):
    await store.prepare()
    assert await schemas(store) == 1
    assert (await put(store, new())).id == 1


async def test_after_drop_the_store_begins_anew(store):
    await put(store, new())
    await store.drop()
    assert (await put(store, new())).id == 1
    await store.drop()


async def test_dropping_what_was_never_made_does_nothing(store):
    await store.drop()
    assert await schemas(store) == 0


async def test_handles_that_begin_at_once_make_one_schema(url, backends):
    name = backends.new_namespace()
    lines = [PostgresConnections(url) for _ in range(6)]
    stores = [PostgresStore(line, name) for line in lines]
    jobs = await asyncio.gather(*[put(store, new()) for store in stores])
    assert sorted(job.id for job in jobs) == [1, 2, 3, 4, 5, 6]
    await stores[0].drop()
    for line in lines:
        await line.aclose()


async def test_handles_that_missed_the_schema_and_wait_for_one_another_make_one(url, backends):
    name = backends.new_namespace()
    lines = [PostgresConnections(url) for _ in range(3)]
    first, *stores = [PostgresStore(line, name) for line in lines]
    for store in stores:
        # Once it has made one, a connection looks into the catalog less often.
        await PostgresStore(store._connections, backends.new_namespace()).prepare()
        with pytest.raises(MISSING):
            await ask(store._connections, store._sql.get, 1)
    await ask(first._connections, first._sql._lock.replace("_xact_lock", "_lock"))
    made = asyncio.gather(*[store.prepare() for store in stores])
    await wait_until(lambda: waiting_for_a_lock(first), timeout=10)
    await ask(first._connections, first._sql._lock.replace("_xact_lock", "_unlock"))
    await made
    assert [(await put(store, new())).id for store in stores] == [1, 2]
    await first.drop()
    for line in lines:
        await line.aclose()


async def waiting_for_a_lock(store):
    sql = "SELECT count(*) = 2 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    return await ask(store._connections, sql)


async def test_a_schema_of_somebody_else_is_refused_and_left_alone(store, connections):
    name = store._namespace
    await ask(connections, f"CREATE SCHEMA {name}")
    for call in (store.find(JobQuery()), store.drop()):
        with pytest.raises(BadOption, match="which we have not made"):
            await call
    assert await schemas(store) == 1
    await ask(connections, f"DROP SCHEMA {name}")


@pytest.mark.parametrize(
    "name", ["", "A", "1a", "a-b", 'a"b', "a b", "a;", "a\n", "é", "a" * 42, "pg_toast", "a.b"]
)
async def test_a_name_that_is_no_plain_identifier_is_refused(connections, name):
    with pytest.raises(BadOption, match="namespace"):
        PostgresStore(connections, name)


async def test_namespaces_do_not_see_each_other(store, connections, backends):
    other = PostgresStore(connections, backends.new_namespace())
    await put(store, new())
    assert await other.find(JobQuery()) == []
    await other.clear()
    await other.drop()
    assert len(await store.find(JobQuery())) == 1
    await store.drop()


# ------ batches


async def statements(store, call):
    """How often the server was asked while the call ran."""
    seen = []
    await store._connections.run(
        lambda connection: asyncio.sleep(0, connection.add_query_logger(seen.append))
    )
    await call
    await asyncio.sleep(0)  # the driver tells of it a turn later
    return len(seen)


async def test_a_batch_is_one_round_trip_with_names_or_without(store):
    named = Hold("oven", QUEUED)
    jobs = await store.put([Change(new(), None)] * 3)
    assert await statements(store, store.put([Change(new(), None)] * 100)) == 1
    claims = [Change(transitions.claim(job, Lease("w", 1, 9), 0), job) for job in jobs]
    assert await statements(store, store.put(claims)) == 1
    assert await statements(store, store.put([Change(new(holds=(named,)), None)] * 5)) == 1
    await store.drop()


async def test_a_job_twice_in_a_batch_is_changed_once_after_the_other(store):
    job = await put(store, new())
    first = transitions.claim(job, Lease("w", 1, 9), 0)
    second = transitions.renew(first, 1, 20)
    answers = await store.put([Change(first, job), Change(second, first), Change(first, job)])
    assert answers == [first, second, Refusal()]
    await store.drop()


async def test_callers_at_once_share_the_connection(store):
    await asyncio.gather(*[put(store, new()) for _ in range(30)])
    found = await asyncio.gather(*[store.get(n) for n in range(1, 31)])
    assert [job.id for job in found] == list(range(1, 31))
    await store.drop()


@pytest.mark.parametrize("key", ["\0", "\ud800", "x" * 5000])
async def test_a_name_that_no_job_can_have_finds_nothing(store, key):
    await put(store, new(key="x"))
    assert await store.find(JobQuery(key=key)) == []
    assert await store.find(JobQuery(queues=frozenset({key, "default"}))) != []
    await store.drop()


async def test_numbers_beyond_every_instant_find_what_they_say(store):
    job = await put(store, new())
    assert await store.get(2**70) is None
    assert await store.find(JobQuery(due_by=2**70, due_after=-(2**70))) == [job]
    await store.drop()


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (JobQuery(states=QUEUED, due_by=9, claimable=True, sort="claim", limit=10), "jobs_claim"),
        (JobQuery(states=QUEUED, due_after=9, claimable=True, sort="due", limit=1), "jobs_due"),
        (JobQuery(states=RUNNING, sort="lease", limit=1), "jobs_lease"),
        (JobQuery(key="k"), "jobs_key"),
        (JobQuery(after=new(id=5), limit=10), "jobs_pkey"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_queries_are_planned_by_their_index_even_while_empty(store, query, index):
    await store.clear()
    sql, values = store._sql.find(query)
    plan = await store._connections.run(
        lambda connection: connection.fetch(f"EXPLAIN {sql}", *values)
    )
    text = "\n".join(row[0] for row in plan)
    assert index in text
    assert "Seq Scan" not in text
    assert "Sort" not in text
    await store.drop()


# ------ connections


async def kill(url, pid):
    other = PostgresConnections(url)
    await ask(other, "SELECT pg_terminate_backend($1)", pid)
    await other.aclose()


async def test_each_loop_has_a_connection_of_its_own(connections):
    here = await ask(connections, "SELECT pg_backend_pid()")
    there = await asyncio.to_thread(
        lambda: asyncio.run(ask(connections, "SELECT pg_backend_pid()"))
    )
    assert here != there
    assert here == await ask(connections, "SELECT pg_backend_pid()")


async def test_a_lost_connection_is_replaced(store, connections, url):
    job = await put(store, new())
    pid = await ask(connections, "SELECT pg_backend_pid()")
    with pytest.raises(StoreUnavailable, match=r"has ended the connection|is stopping"):
        await ask(connections, "SELECT pg_terminate_backend($1)", pid)
    assert await store.get(job.id) == job
    assert await ask(connections, "SELECT pg_backend_pid()") != pid
    await store.drop()


async def test_a_call_that_is_cut_has_ended_when_its_connection_is_closed(url, connections):
    at_it = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE state = 'active' AND query LIKE '%taskq_cut' AND pid <> pg_backend_pid()"
    )
    other = PostgresConnections(url)
    call = asyncio.create_task(ask(other, "SELECT pg_sleep(60) AS taskq_cut"))
    while not await ask(connections, at_it):
        pass
    call.cancel()
    await asyncio.wait({call})
    await other.aclose()
    assert await ask(connections, at_it) == 0


async def test_a_watch_hears_again_after_its_connection_was_lost(store, connections, url):
    await store.clear()
    rung = asyncio.Event()
    async with store.watch(rung.set):
        await kill(url, await ask(connections, "SELECT pg_backend_pid()"))
        await asyncio.wait_for(rung.wait(), 5)
        rung.clear()
        other = PostgresConnections(url)
        await put(PostgresStore(other, store._namespace), new())
        await other.aclose()
        await asyncio.wait_for(rung.wait(), 5)
    await store.drop()


async def test_a_watch_listens_no_more_when_it_has_ended(store, connections):
    channels = "SELECT count(*) FROM pg_listening_channels()"
    async with store.watch(lambda: None), store.watch(lambda: None):
        assert await ask(connections, channels) == 1
    assert await ask(connections, channels) == 0


async def test_who_is_cancelled_leaves_the_connection_usable(store):
    await store.clear()
    for _ in range(3):
        call = asyncio.ensure_future(put(store, new()))
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    assert isinstance(await put(store, new()), Job)
    await store.drop()


async def test_the_version_is_told(connections):
    assert int((await connections.version()).partition(".")[0]) >= 13
