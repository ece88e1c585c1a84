"""What the tests of private servers need: programs, owners in other processes, plain sockets."""

import asyncio
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from pytest_taskq import wait_until

LIMIT = 60.0  # seconds until a test gives up; only a broken one takes so long


def program(path: Path, text: str) -> Path:
    """A shell script in the place of a server."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def says(path: Path, words: str) -> Path:
    return program(path, f"echo {shlex.quote(words)}")


@contextmanager
def python(code: str, *arguments: object, **options) -> Iterator[subprocess.Popen[str]]:
    """Another Python that runs `code`; it is spoken with line by line, and killed in the end."""
    command = [
        sys.executable,
        "-u",
        "-c",
        f"import os, sys\nfrom pytest_taskq.servers import *\n{code}",
    ]
    with subprocess.Popen(
        [*command, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        **options,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def socket_of(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path
    return f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"


def connect(url: str) -> socket.socket:
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(LIMIT)
    line.connect(socket_of(url))
    return line


def ask_redis(url: str, *words: str) -> bytes:
    with connect(url) as line:
        line.sendall(" ".join(words).encode() + b"\r\n")
        return line.recv(4096)


def wait_for_end(line: socket.socket) -> None:
    """Until the server at the other end of this connection has closed it or is dead."""
    try:
        while line.recv(4096):
            pass
    except ConnectionError:
        pass


def processes(folder: str) -> dict[int, str]:
    """The commands of the processes that have to do with a folder of servers."""
    command = ["ps", "-axww", "-o", "pid=,args="]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines() if folder in line]
    return {int(pid): words for pid, words in lines}


def guards(folder: str) -> set[int]:
    return {pid for pid, words in processes(folder).items() if "guard.py" in words}


def wait_for(condition: Callable[[], object], message: str) -> None:
    asyncio.run(wait_until(condition, timeout=LIMIT, message=message))


def wait_until_gone(folder: str) -> None:
    """No process and no file of that run is left."""
    wait_for(
        lambda: not (Path(folder).exists() or processes(folder)),
        f"{folder} and its processes did not go",
    )
