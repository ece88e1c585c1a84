"""How a server of each kind is started for a test run: on a Unix socket, with nothing durable."""

from __future__ import annotations

import os
import shutil
import signal
import struct
import subprocess
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from pytest_taskq.core.errors import StoreUnavailable
from pytest_taskq.servers.find import Found
from pytest_taskq.servers.guard import Plan

__all__ = ["data_in_memory", "environment", "make_plan"]

MEMORY = Path("/dev/shm")  # noqa: S108 - what is made there is for its owner alone
ROOM = 3 * 2**30  # bytes: a run seldom needs a tenth, and others may want some too


def make_plan(found: Found, folder: Path) -> Plan:
    """Make a home for the server in the folder of the run, and say how to start it there."""
    home = folder / found.kind
    # One that is there is what a process left that was killed while it started the server.
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(0o700)
    return _PLANS[found.kind](found, folder, home)


def environment() -> dict[str, str]:
    """What a server may know of ours: PGPORT would move its socket, a locale its messages."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "LC_", "LANG", "PYTHON"))
    }
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _redis(found: Found, folder: Path, home: Path) -> Plan:
    address = home / "redis.sock"
    return Plan(
        kind=found.kind,
        title=f"Redis {found.version}",
        folder=str(folder),
        home=str(home),
        data=str(home),
        steps=[],
        server=[
            *(found.server, "--port", "0", "--unixsocket", str(address)),
            *("--unixsocketperm", "700", "--dir", str(home), "--databases", "1"),
            *("--save", "", "--appendonly", "no", "--loglevel", "warning"),
            # It looks at its timers and at the wish to stop this often in a second, not 10 times.
            *("--hz", "100"),
        ],
        account=None,
        socket=str(address),
        knock="PING\r\n",
        answer="+PONG",
        stop=signal.SIGTERM,
        url=f"unix://{quote(str(address))}",
    )


def _postgres(found: Found, folder: Path, home: Path) -> Plan:
    by = _account(found, home) if os.geteuid() == 0 else _Account(found.server)
    data = _data_folder(folder, home)
    if by.ids:
        _give(home, by.ids)
        _give(data, by.ids)
    server = Path(by.server)
    who = b"user\0taskq\0database\0postgres\0\0"
    return Plan(
        kind=found.kind,
        title=f"PostgreSQL {found.version}",
        folder=str(folder),
        home=str(home),
        data=str(data),
        steps=[
            [
                *(*by.prefix, str(server.with_name("initdb")), "-D", str(data), "-U", "taskq"),
                *("-A", "trust", "-N", "--encoding=UTF8", "--locale=C"),
            ]
        ],
        server=[*by.prefix, str(server), "-D", str(data), "-k", str(home), *_POSTGRES_OPTIONS],
        account=by.ids,
        socket=str(home / ".s.PGSQL.5432"),
        knock=(struct.pack("!ii", 8 + len(who), 0x30000) + who).decode("latin-1"),
        answer="R",
        # Its SIGTERM would wait until the last client has gone.
        stop=signal.SIGINT,
        url=f"postgresql://taskq@/postgres?host={quote(str(home))}&port=5432",
    )


def _data_folder(folder: Path, home: Path) -> Path:
    """An empty folder for the data of PostgreSQL: in memory, if there is room.

    On a disk, the files of a new schema take from twice to four times as long.
    """
    data = home / "data"
    in_memory = data_in_memory(folder)
    shutil.rmtree(in_memory, ignore_errors=True)
    try:
        if shutil.disk_usage(in_memory.parent).free >= ROOM:
            in_memory.mkdir(0o700)
            data = in_memory
    except OSError:
        pass  # a system without it, or that lets nobody in
    data.mkdir(0o700, exist_ok=True)
    return data


def data_in_memory(folder: Path) -> Path:
    """Where the data are that are not in the folder of the run."""
    return MEMORY / f"{folder.name}-postgres"


_PLANS = {"redis": _redis, "postgres": _postgres}
_POSTGRES_OPTIONS = ["-p", "5432", "-F"] + [
    word
    for setting in (
        "listen_addresses=",
        "unix_socket_permissions=0700",
        "max_connections=100",
        "shared_buffers=64MB",
        "synchronous_commit=off",
        "full_page_writes=off",
        "wal_level=minimal",
        "max_wal_senders=0",
        # Neither falls into a test by chance: a run ends before it would need them.
        "autovacuum=off",
        "checkpoint_timeout=1d",
        "max_wal_size=256MB",  # of memory, where the data are there
        "jit=off",
        # Each connection would load the language of our functions anew, a tenth of a short test.
        "shared_preload_libraries=plpgsql",
    )
    for word in ("-c", setting)
]


class _Account(NamedTuple):
    """The server program to use and who runs it: another user, or this one within ``prefix``."""

    server: str
    ids: list[int] | None = None
    prefix: tuple[str, ...] = ()


_OWN_NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")


def _account(found: Found, home: Path) -> _Account:
    """PostgreSQL refuses to be run by root: the first of three other ways that works here."""
    ids = _somebody()
    if ids:
        # That user has to pass through the folder of the run, and may see nothing else in it.
        home.parent.chmod(0o711)
        _give(home, ids)
        if _runs([found.server], home, ids):
            return _Account(found.server, ids)
        os.chown(home, 0, 0)
    # That user cannot read the programs, as below a home that is closed to others.
    if _runs([*_OWN_NAMESPACE, found.server], home):
        return _Account(found.server, prefix=_OWN_NAMESPACE)
    if ids:
        copied = _copy(Path(found.server).resolve(), home)
        _give(home, ids)
        if _runs([copied], home, ids):
            return _Account(copied, ids)
    shutil.rmtree(home, ignore_errors=True)
    raise StoreUnavailable(
        f"PostgreSQL cannot be run by root, and no other user can run it here. Tried the users "
        f"postgres and nobody, a user namespace (unshare), and a copy of {found.server}. "
        f"Run the tests as another user, or name a running server with --taskq-url=URL."
    )


def _somebody() -> list[int] | None:
    import pwd

    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return [entry.pw_uid, entry.pw_gid]
    return None


def _runs(command: list[str], home: Path, ids: list[int] | None = None) -> bool:
    """Whether these words start the server program, by somebody who can enter its home."""
    user, group = ids or (None, None)
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", 'cd "$0" && "$@" --version', str(home), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=user,
            group=group,
            extra_groups=[] if ids else None,
            check=False,
            timeout=20,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _copy(server: Path, home: Path) -> str:
    """Copy an installation that may lie anywhere, with the libraries of the wheel it came in.

    A wheel keeps them in a folder beside its package, and its programs look for them there.
    """
    prefix = server.parent.parent
    package = prefix.parent
    target = home / "site" / package.name / prefix.name
    for folder in ("lib", "share"):
        if (prefix / folder).is_dir():
            shutil.copytree(prefix / folder, target / folder)
    (target / "bin").mkdir(parents=True)
    for program in (server, server.with_name("initdb")):
        shutil.copy(program, target / "bin")
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, home / "site" / libraries.name)
    return str(target / "bin" / server.name)


def _give(home: Path, ids: list[int]) -> None:
    for path in (home, *home.rglob("*")):
        os.chown(path, *ids, follow_symlinks=False)
