"""Row 34 of a catalogue of hostile input: what a path may turn out to be, and a disk to refuse."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.job import Job
from pytest_taskq.core.store import Change, JobQuery
from pytest_taskq.engine.sync import drive
from pytest_taskq.stores import sqlite
from pytest_taskq.stores.sqlite import SqliteStore

JOB = Job(task="bake", payload="[]", due_at=0)

# Told with `attempt(...)`: what came out, in one line. Nobody is let off for being root.
CHILD = """
import os, resource, sys
from pathlib import Path
from pytest_taskq.core.errors import StoreUnavailable
from pytest_taskq.core.job import Job
from pytest_taskq.core.store import Change, JobQuery
from pytest_taskq.engine.sync import drive
from pytest_taskq.stores import _sqlite_file, sqlite

JOB = Job(task="bake", payload="x" * 3000, due_at=0)
folder = Path(sys.argv[1])

def attempt(call):
    try:
        print(call())
    except StoreUnavailable as error:
        print(error)

def put(store, amount=1):
    return [job.id for job in drive(store.put([Change(JOB, None)] * amount))]

def find(store):
    return [job.id for job in drive(store.find(JobQuery()))]

def be_nobody():
    if os.geteuid() == 0:
        sqlite._image()  # while there is a right to every folder
        os.setgid(65534)
        os.setuid(65534)
"""


def lines_of(code, folder):
    """What a process of its own prints."""
    command = [sys.executable, "-u", "-c", CHILD + code, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.fixture
def open_folder():
    """One that a user without rights can get to; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o700)
    shutil.rmtree(folder)


def test_a_link_to_a_file_of_somebody_else_is_refused_and_that_is_left_as_it_is(tmp_path):
    letter, link = tmp_path / "letter", tmp_path / "queue.db"
    letter.write_text("to a friend")
    link.symlink_to(letter)
    with pytest.raises(BadOption, match="not one of this store's"):
        SqliteStore(link)
    assert (letter.read_text(), link.is_symlink()) == ("to a friend", True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letter", "queue.db"]


def test_a_link_leads_to_one_file_which_is_for_its_owner_only(tmp_path):
    real, link = tmp_path / "real.db", tmp_path / "queue.db"
    link.symlink_to(real)
    stores = [SqliteStore(link), SqliteStore(real)]
    drive(stores[0].put([Change(JOB, None)]))
    assert [job.id for job in drive(stores[1].find(JobQuery()))] == [1]
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    drive(stores[0].drop())
    drive(stores[1].aclose())
    assert [path.name for path in tmp_path.iterdir()] == ["queue.db"]


def test_a_file_that_comes_in_between_is_looked_at_and_not_replaced(tmp_path, monkeypatch):
    path, image = tmp_path / "queue.db", sqlite._image()

    def slow_image():
        path.write_text("somebody was faster")
        return image

    monkeypatch.setattr(sqlite, "_image", slow_image)
    with pytest.raises(BadOption, match="no SQLite database"):
        SqliteStore(path)
    assert path.read_text() == "somebody was faster"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("where", ["memory", "file"])
def test_threads_share_one_object(tmp_path, where):
    store = SqliteStore(":memory:" if where == "memory" else tmp_path / "queue.db")

    def add():
        for _ in range(20):
            drive(store.put([Change(JOB, None)] * 2))

    threads = [threading.Thread(target=add) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [job.id for job in drive(store.find(JobQuery()))] == list(range(1, 201))
    drive(store.aclose())


@pytest.mark.parametrize(
    ("file", "folder", "said"),
    [
        (0o444, 0o755, ["[1]", "does not work. *readonly database. Make the file and its folder"]),
        (0o644, 0o555, ["does not work. *readonly database. Make the file and its folder"]),
        (0o000, 0o755, ["does not work. *Permission denied*. Make the file and its folder"]),
        (0o644, 0o000, ["does not work. *Permission denied*. Make the file and its folder"]),
        (None, 0o555, ["does not work. *Permission denied*. Make the file and its folder"]),
    ],
)
def test_what_may_not_be_written_is_told(open_folder, file, folder, said):
    inner = open_folder / "inner"
    inner.mkdir()
    if file is not None:
        store = SqliteStore(inner / "queue.db")
        drive(store.put([Change(JOB, None)]))
        drive(store.aclose())
    for path, mode in ((inner / "queue.db", file), (inner, folder)):
        if mode is not None:
            if os.geteuid() == 0:
                os.chown(path, 65534, 65534)
            path.chmod(mode)
    code = """
be_nobody()
def both():
    store = sqlite.SqliteStore(folder / "queue.db")
    print(find(store))
    put(store)
attempt(both)
"""
    lines = lines_of(code, inner)
    assert len(lines) == len(said)
    for line, expected in zip(lines, said, strict=True):
        assert all(part in line for part in expected.split("*")), line


def test_a_file_that_cannot_grow_is_told_and_keeps_what_it_has(tmp_path):
    code = """
store = sqlite.SqliteStore(folder / "queue.db")
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 200_000))
print(put(store))
attempt(lambda: put(store, 100))
print(find(store))
attempt(lambda: [put(store) for _ in range(100)] and None)
kept = find(store)
print(kept == list(range(1, len(kept) + 1)) and len(kept) > 1)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
print(put(store) == [len(kept) + 1])
"""
    first, refused, after, full, kept, again = lines_of(code, tmp_path)
    assert (first, after, kept, again) == ("[1]", "[1]", "True", "True")
    for line in (refused, full):
        assert "queue.db does not work. It says: disk I/O error" in line
        assert "See whether its disk is full" in line


def test_a_disk_without_room_for_a_new_file_is_told_and_nothing_is_left(tmp_path):
    code = """
sqlite._image()
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
attempt(lambda: sqlite.SqliteStore(folder / "queue.db"))
"""
    (line,) = lines_of(code, tmp_path)
    assert "File too large. See whether its disk is full" in line
    assert list(tmp_path.iterdir()) == []
