"""The SQLite store: the suite for stores, and what is its own: files, processes, disks."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing

import pytest

from pytest_taskq.core.errors import BadOption, QueueClosed, StoreUnavailable
from pytest_taskq.core.job import Hold, Job, State
from pytest_taskq.core.store import Change, JobQuery, Refusal, ready_query
from pytest_taskq.engine.sync import drive
from pytest_taskq.stores.sqlite import SqliteStore


@pytest.fixture
def path(tmp_path):
    return tmp_path / "queue.db"


@pytest.fixture
def store(path):
    store = SqliteStore(path)
    yield store
    drive(store.aclose())


def add(store, amount=1, payload="[]", **fields):
    job = Job(task="bake", payload=payload, due_at=0, **fields)
    return drive(store.put([Change(job, None)] * amount))


def in_process(code, *arguments):
    """A Python that runs the code with ``store`` on the file that is its first argument."""
    begin = (
        "import os, sys, sqlite3\n"
        "from pytest_taskq.core.job import Job\n"
        "from pytest_taskq.core.store import Change\n"
        "from pytest_taskq.engine.sync import drive\n"
        "from pytest_taskq.stores.sqlite import SqliteStore\n"
        "job = Job(task='bake', payload='[]', due_at=0)\n"
        "store = SqliteStore(sys.argv[1])\n"
    )
    command = [sys.executable, "-u", "-c", begin + code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


# ------ the file


def test_the_file_is_for_its_owner_and_nothing_else_is_left_beside_it(store, path):
    add(store)
    assert {file.name for file in path.parent.iterdir()} == {
        "queue.db",
        "queue.db-wal",
        "queue.db-shm",
    }
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


def test_jobs_are_there_when_the_file_is_opened_again(store, path):
    (job,) = add(store)
    drive(store.aclose())
    again = SqliteStore(str(path))
    assert drive(again.get(1)) == job
    drive(again.aclose())


def test_a_file_in_memory_belongs_to_one_object():
    one, two = SqliteStore(":memory:"), SqliteStore(":memory:")
    add(one)
    assert drive(two.find(JobQuery())) == []
    drive(one.drop())
    drive(two.aclose())


def test_dropping_removes_the_file_and_what_sqlite_put_beside_it(store, path):
    add(store)
    drive(store.drop())
    drive(store.drop())
    assert list(path.parent.iterdir()) == []


def test_dropping_leaves_a_file_that_came_in_its_place(store, path):
    path.unlink()
    path.write_text("a letter")
    with pytest.raises(BadOption, match=r"not one of this store's. It is no SQLite database"):
        drive(store.drop())
    assert path.read_text() == "a letter"


def text(path):
    path.write_text("a letter to a friend, of more than a hundred letters" * 3)


def database(path):
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE jobs (id INTEGER PRIMARY KEY)")


def another_version(path):
    drive(SqliteStore(path).aclose())
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (text, "no SQLite database"),
        (database, "a database of another application"),
        (another_version, "of another version of pytest-taskq: its layout is 99"),
        (lambda path: path.touch(), "empty"),
        (os.mkfifo, "not a regular file"),
    ],
)
def test_a_file_of_somebody_else_is_refused_and_left_as_it_is(path, make, kind):
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(BadOption, match=f"It is {kind}"):
        SqliteStore(path)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert before is None or path.read_bytes() == before


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.put([]),
        lambda store: store.get(1),
        lambda store: store.find(JobQuery()),
        lambda store: store.delete([]),
        lambda store: store.clear(),
    ],
)
def test_a_closed_store_says_so(store, call):
    drive(store.aclose())
    with pytest.raises(QueueClosed, match=r"This store is closed\. It was on .*queue\.db"):
        drive(call(store))


# ------ what the machine refuses


def test_a_full_disk_is_told_and_spoils_nothing(store):
    (job,) = add(store)
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StoreUnavailable, match=r"queue\.db does not work.*full.*Free some space"):
        add(store, 3, payload="x" * 10_000)
    assert drive(store.find(JobQuery())) == [job]
    store._db.execute("PRAGMA max_page_count = 100000")
    assert [job.id for job in add(store, 2)] == [2, 3]


def test_a_file_that_may_only_be_read_is_told(store):
    store._db.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreUnavailable, match=r"readonly database.*Make the file .* writable"):
        add(store)
    assert drive(store.find(JobQuery())) == []


@pytest.mark.parametrize("folder", ["nowhere", "file"])
def test_a_folder_where_no_file_can_be_made_is_told(tmp_path, folder):
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="See whether the file and its folder are there"):
        SqliteStore(tmp_path / folder / "queue.db")


def test_a_lock_that_is_kept_too_long_is_told(store, path):
    store._db.execute("PRAGMA busy_timeout = 20")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match=r"locked.*Find the process"):
            add(store)
    assert [job.id for job in add(store)] == [1]


def test_a_damaged_file_is_told(store, path):
    drive(store.aclose())
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"\xff" * 5000 + content[5100:])
    with pytest.raises(StoreUnavailable, match=r"malformed.*Remove the file"):
        add(SqliteStore(path))


# ------ several processes


def test_processes_that_begin_at_once_share_one_file_and_its_numbers(path):
    code = (
        "answers = [drive(store.put([Change(job, None)] * 3)) for _ in range(20)]\n"
        "print(*[job.id for batch in answers for job in batch])\n"
        "drive(store.aclose())\n"
    )
    processes = [in_process(code, path) for _ in range(3)]
    numbers = []
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert err == ""
        numbers += map(int, out.split())
    assert sorted(numbers) == list(range(1, 181))
    assert [file.name for file in path.parent.iterdir()] == ["queue.db"]


def test_a_process_that_dies_within_a_batch_leaves_none_of_it(store):
    (job,) = add(store)
    code = (
        "class Deadly(list):\n"
        "    def __iter__(self):\n"
        "        yield from super().__iter__()\n"
        "        os._exit(7)\n"
        "drive(store.put(Deadly([Change(job, None)] * 5)))\n"
    )
    process = in_process(code, store._path)
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 7
    assert drive(store.find(JobQuery())) == [job]
    assert [job.id for job in add(store)] == [2]


@pytest.mark.asyncio
async def test_a_watcher_is_told_of_what_another_process_did(store):
    told = asyncio.Event()
    async with store.watch(told.set):
        process = in_process("drive(store.put([Change(job, None)]))\n", store._path)
        await asyncio.wait_for(told.wait(), 60)
        assert len(drive(store.find(JobQuery()))) == 1
    _, err = await asyncio.to_thread(process.communicate)
    assert "Traceback" not in err


@pytest.mark.asyncio
async def test_a_watcher_of_a_store_that_is_closed_meanwhile_is_told_and_left_alone(store):
    told = asyncio.Event()
    async with store.watch(told.set):
        await store.aclose()
        await asyncio.wait_for(told.wait(), 60)


# ------ the way through the tables


CLAIM = JobQuery(states=frozenset({State.QUEUED}), due_by=0, claimable=True, sort="claim", limit=10)


def statements(store, call):
    """What SQLite was told to do by a call."""
    seen = []
    store._db.set_trace_callback(seen.append)
    drive(call)
    store._db.set_trace_callback(None)
    return seen


@pytest.mark.parametrize(("amount", "index"), [(3, "jobs_due"), (100, "jobs_claim")])
def test_few_due_jobs_are_sorted_and_many_are_walked_in_their_order(store, amount, index):
    add(store, amount)
    asked = statements(store, store.find(CLAIM))[-1]
    plan = " ".join(row[3] for row in store._db.execute(f"EXPLAIN QUERY PLAN {asked}"))
    assert f"INDEX {index}" in plan
    assert ("TEMP B-TREE" in plan) == (amount < 64)


def test_a_job_that_holds_no_name_is_put_in_one_statement(store):
    (job,) = add(store)
    new = statements(store, store.put([Change(job, None)]))
    changed = statements(store, store.put([Change(job._replace(version=1), job)]))
    assert [statement.split()[0] for statement in new + changed] == ["INSERT", "UPDATE"]


def test_of_a_batch_that_is_put_in_one_go_each_change_still_stands_alone(store):
    first, second, third = add(store, 3)
    changes = [Change(job._replace(version=1, due_at=5), job) for job in (first, second, third)]
    assert drive(store.put(changes[1:2])) == [changes[1].after]
    answers = drive(store.put(changes))
    assert answers == [changes[0].after, Refusal(), changes[2].after]
    assert drive(store.find(JobQuery())) == [change.after for change in changes]


def test_the_first_in_line_is_found_as_fast_in_a_long_line(store):
    line = (Hold("line", frozenset({State.RUNNING}), ordered=True),)
    steps, taken = [], []
    store._db.set_progress_handler(lambda: steps.append(1), 1)
    for amount in (100, 900):
        add(store, amount, holds=line)
        steps.clear()
        assert [job.id for job in drive(store.find(ready_query(None, 0, 1)))] == [1]
        taken.append(len(steps))
    assert taken[1] < taken[0] * 1.5
