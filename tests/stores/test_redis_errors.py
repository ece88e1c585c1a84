"""A Redis server that cannot be used: each way ends in a sentence to act on, without a password."""

import asyncio
import socket
import subprocess
import sys

import pytest

from pytest_taskq.core.errors import BadOption, StoreUnavailable
from pytest_taskq.core.store import JobQuery
from pytest_taskq.stores import _redis_link
from pytest_taskq.stores.redis import RedisConnections, RedisStore

SECRET = "hunter2"
HELLO = b"*2\r\n+version\r\n+%s\r\n"


class Actor:
    """Plays a server: has one answer to each command it knows, and one to all others."""

    def __init__(self, path, answers, other):
        self.url = f"unix://ann:{SECRET}@{path}"
        self._path = path
        self._answers = {"AUTH": b"+OK\r\n", "CLIENT": b"+OK\r\n", **answers}
        self._other = other
        self._lines = []

    async def __aenter__(self):
        self._server = await asyncio.start_unix_server(self._serve, self._path)
        return self

    async def __aexit__(self, *_):
        self._server.close()
        await self._server.wait_closed()
        await asyncio.gather(*self._lines)

    async def _serve(self, reader, writer):
        self._lines.append(asyncio.current_task())
        while line := await reader.readline():
            words = []
            for _ in range(int(line[1:])):
                size = int((await reader.readline())[1:])
                words.append((await reader.readexactly(size + 2))[:-2])
            answer = self._answers.get(words[0].decode(), self._other)
            if answer is None:
                break
            writer.write(answer)
        writer.close()
        await writer.wait_closed()


async def complaint_of(url):
    connections = RedisConnections(url)
    assert SECRET not in repr(connections)
    try:
        with pytest.raises(StoreUnavailable) as caught:
            await RedisStore(connections, "taskq_none").find(JobQuery())
        assert SECRET not in f"{caught.value!r} {caught.value.__cause__!r}"
        return str(caught.value)
    finally:
        await connections.aclose()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("answer", "problem", "remedy"),
    [
        (b"-NOAUTH Authentication required.", "wants a password", "redis://user:password@host"),
        (b"-WRONGPASS invalid username-password pair", "lets nobody in", "Correct user"),
        (b"-NOPERM this user has no permissions", "not let this user", "keys and channels taskq:"),
        (b"-LOADING Redis is loading the dataset in memory", "still loading", "Wait"),
        (b"-READONLY You can't write against a read only replica.", "a replica", "the primary"),
        (b"-OOM command not allowed when used memory > 'maxmemory'.", "no memory", "maxmemory"),
        (b"-MISCONF Redis is configured to save RDB snapshots", "its disk", "Make room"),
        (b"-ERR something else", "cannot do its work", "server's log"),
    ],
    ids=lambda value: value[1:9].decode().split()[0] if isinstance(value, bytes) else "",
)
async def test_each_complaint_of_the_server_has_its_remedy(tmp_path, answer, problem, remedy):
    path = tmp_path / "s"
    async with Actor(path, {"HELLO": HELLO % b"7.0.1"}, answer + b"\r\n") as actor:
        said = await complaint_of(actor.url)
    assert f"server at {path} " in said
    assert problem in said
    assert remedy in said


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("hello", "version"),
    [(HELLO % b"6.0.16", "6.0.16"), (b"-ERR unknown command `HELLO`\r\n", "before 6.0")],
)
async def test_a_server_before_6_2_is_refused(tmp_path, hello, version):
    async with Actor(tmp_path / "s", {"HELLO": hello}, b"+OK\r\n") as actor:
        said = await complaint_of(actor.url)
    assert f"is too old. Its version is {version}" in said


@pytest.mark.asyncio
async def test_a_server_that_ends_in_the_middle_of_a_call(tmp_path):
    async with Actor(tmp_path / "s", {"HELLO": HELLO % b"7.0.1"}, None) as actor:
        assert "has ended the connection" in await complaint_of(actor.url)


@pytest.mark.asyncio
async def test_a_server_that_does_not_answer(tmp_path, monkeypatch):
    monkeypatch.setattr(_redis_link, "ANSWER_SECONDS", 0.05)
    async with Actor(tmp_path / "s", {"HELLO": HELLO % b"7.0.1"}, b"") as actor:
        assert "does not answer in time" in await complaint_of(actor.url)


@pytest.mark.asyncio
async def test_nobody_is_there(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = await complaint_of(f"redis://ann:{SECRET}@127.0.0.1:{port}/3")
    assert f"server at 127.0.0.1:{port}/3 does not answer" in said
    assert "Start it, or correct the URL" in said
    assert "does not answer" in await complaint_of(f"unix://{tmp_path}/nobody")


@pytest.mark.asyncio
async def test_watching_tells_at_once_that_nobody_is_there(tmp_path):
    connections = RedisConnections(f"unix://{tmp_path}/nobody")
    with pytest.raises(StoreUnavailable):
        async with RedisStore(connections, "taskq_none").watch(lambda: None):
            pass


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://ann:{SECRET}@host/db",
        f"redis://ann:{SECRET}@host:port",
        f"redis://ann:a/{SECRET}@host",
        f"redis://ann:#{SECRET}@host",
        f"//{SECRET}",
        f"redis://:{SECRET}@host?socket_keepalive_options={SECRET}&max_connections=many",
        "redis://",
        "unix://",
        "",
        None,
    ],
)
async def test_what_is_no_url_of_a_redis_server_is_refused_unseen(url):
    with pytest.raises(BadOption) as caught:
        RedisConnections(url)
    assert SECRET not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert "redis" in str(caught.value).lower()


@pytest.mark.parametrize("missing", ["redis", "fakeredis", "lupa"])
def test_a_missing_package_is_named_with_the_extra_that_brings_it(missing):
    code = f"""
import sys
sys.modules[{missing!r}] = None
try:
    import pytest_taskq.stores.fakeredis
except ImportError as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"MissingExtra The package {missing!r} is needed")
    assert 'pip install "pytest-taskq[redis]"' in done.stdout
