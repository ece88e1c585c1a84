"""The store on Redis: one script decides a batch of changes at once, on two keys a namespace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.util import find_spec
from typing import Any

from pytest_taskq.core.errors import BadOption, MissingExtra, StoreUnavailable
from pytest_taskq.core.job import Job, JobId
from pytest_taskq.core.store import Change, JobQuery, Refusal, outlasting, own_limit
from pytest_taskq.stores._connections import PerLoop
from pytest_taskq.stores._namespace import check_namespace
from pytest_taskq.stores._redis_errors import address, too_old, unavailable
from pytest_taskq.stores._redis_index import (
    UNFINISHED,
    Search,
    id_text,
    read_answer,
    read_job,
    search,
    write_change,
)
from pytest_taskq.stores._redis_link import ANSWER_SECONDS, Link, Word
from pytest_taskq.stores._redis_scripts import CHANGE, FIND, Script

try:
    from redis import asyncio as driver
    from redis.asyncio.client import PubSub
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import NoScriptError, RedisError
except ImportError:
    raise MissingExtra("redis", "redis") from None

__all__ = ["RedisConnections", "RedisStore"]

OLDEST = (6, 2)
PAUSE_SECONDS = 0.2
# That the driver tells its name and version to the server takes longer than many a test does.
NAMELESS: dict[str, Any] = (
    {"driver_info": None}
    if find_spec("redis.driver_info")
    else dict.fromkeys(["lib_name", "lib_version"])
)
OPTIONS: dict[str, Any] = {
    "protocol": 2,
    # Who calls has a limit, and to listen again the system's is enough.
    "socket_connect_timeout": None,
    "socket_timeout": None,
    # Never: a change whose answer was lost may have landed.
    "retry": Retry(NoBackoff(), 0),
    **NAMELESS,
}
BATCH = 500  # changes in one call: the server serves nobody else meanwhile


class RedisConnections:
    """The way to one server: a connection for each event loop, opened at first use.

    ``url``: redis://, rediss:// or unix://. Nothing is contacted here.
    """

    def __init__(self, url: str) -> None:
        self._where = address(url)
        self._version: str | None = None
        self._scripts: Mapping[Script, Script] = {}
        self._links = PerLoop(self._open, Link.aclose)
        try:
            self._new_pool: Callable[[], driver.ConnectionPool] = partial(
                driver.ConnectionPool.from_url, url, **OPTIONS
            )
            self._new_pool()
        except Exception as error:  # noqa: BLE001 - the driver reads options with int() and alike
            raise BadOption(
                f"The URL of the Redis server at {self._where} cannot be used. The driver raised "
                f"{type(error).__name__}. Correct the options after its question mark."
            ) from None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._where}>"

    async def version(self) -> str:
        """The version of the server. Raises StoreUnavailable when it is before 6.2."""
        if self._version is None:
            await self.call("PING")
        return str(self._version)

    async def call(self, *command: Word) -> Any:
        """The server's answer. Raises StoreUnavailable for anything that goes wrong."""
        try:
            return await (await self._links.get()).call(*command)
        except NoScriptError:
            raise
        except (RedisError, TimeoutError, OSError) as error:
            raise self._error(error) from None

    async def run(self, script: Script, *said: Word) -> Any:
        """The answer of a script to its keys and arguments. Raises as ``call`` does."""
        script = self._scripts.get(script, script)
        try:
            return await self.call("EVALSHA", script.sha, *said)
        except NoScriptError:  # the first call, or the server was started anew
            return await self.call("EVAL", script.text, *said)

    @asynccontextmanager
    async def listening(self, channel: bytes, heard: Callable[[], None]) -> AsyncIterator[None]:
        """While entered, call ``heard`` at each message, on a connection of its own.

        Also when the connection is lost, and when it is there again: a message may be missed.
        """
        await self.call("PING")
        client = driver.Redis(connection_pool=self._new_pool())
        subscription = client.pubsub()
        listener = None
        try:
            try:
                async with asyncio.timeout(own_limit(ANSWER_SECONDS)):
                    await subscription.subscribe(channel)
                    await subscription.get_message(timeout=None)
            except (RedisError, TimeoutError, OSError) as error:
                raise self._error(error) from None
            listening = _listen(subscription, heard)
            listener = asyncio.create_task(listening, context=outlasting())
            yield
        finally:
            try:
                if listener is not None:
                    listener.cancel()
                    await asyncio.wait([listener])
            finally:  # who is cancelled twice must not leave the connection open either
                await subscription.aclose()  # type: ignore[no-untyped-call]
                await client.connection_pool.disconnect()

    async def aclose(self) -> None:
        """Close the connection of the running loop; the others are closed with their loops."""
        await self._links.aclose()

    async def _open(self) -> Link:
        link = Link(self._new_pool().make_connection())  # type: ignore[no-untyped-call]
        if self._version is None:
            try:
                self._version = await self._ask_version(link)
            except BaseException:
                await link.aclose()
                raise
        return link

    async def _ask_version(self, link: Link) -> str:
        try:
            # INFO, which everybody else asks, is forbidden to many users of a shared server.
            about = await link.call("HELLO")
        except RedisError as error:
            if "unknown command" not in str(error):
                raise
            raise too_old(self._where, "before 6.0") from None
        version = str(dict(zip(about[::2], about[1::2], strict=True))[b"version"], "ascii")
        if tuple(map(int, version.split(".")[:2])) < OLDEST:
            raise too_old(self._where, version)
        return version

    def _error(self, error: Exception) -> Exception:
        return error if isinstance(error, StoreUnavailable) else unavailable(self._where, error)


class RedisStore:
    """Remembers jobs on a Redis server, in a namespace that handles of the same name share.

    The connections stay open when the store is closed: others may use them.
    """

    immediate = False

    def __init__(self, connections: RedisConnections, namespace: str) -> None:
        self.namespace = check_namespace(namespace)
        self._connections = connections
        # One hash tag: a cluster keeps them together.
        root = f"taskq:{{{namespace}}}:"
        self._keys = (f"{root}jobs".encode(), f"{root}index".encode())
        self._channel = f"{root}changed".encode()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.namespace} on {self._connections!r}>"

    async def put(self, changes: Sequence[Change]) -> list[Job | Refusal]:
        """See ``Store.put``."""
        answers: list[Job | Refusal] = []
        for start in range(0, len(changes), BATCH):
            batch = changes[start : start + BATCH]
            said = [word for change in batch for word in write_change(*change)]
            heard = await self._run(CHANGE, "put", self._channel, *said)
            answers += [read_answer(*pair) for pair in zip(batch, heard, strict=True)]
        return answers

    async def get(self, job_id: JobId) -> Job | None:
        """See ``Store.get``."""
        text = await self._connections.call("HGET", self._keys[0], f"j{id_text(job_id)}")
        return None if text is None else read_job(job_id, text)

    async def find(self, query: JobQuery) -> list[Job]:
        """See ``Store.find``."""
        if query.limit == 0:
            return []
        way = search(query)
        limit = query.limit if way.in_order else None
        found: list[Job] = []
        while True:
            page = await self._page(way, limit or 0, claimable=query.claimable)
            found += [job for job in page if query.matches(job)]
            if limit is None or len(page) < limit or len(found) >= limit:
                break
            way = way.beyond(page[-1])
        if not way.in_order:
            found.sort(key=query.order)
        return found[: query.limit]

    async def unfinished(self) -> bool:
        """See ``Store.unfinished``."""
        asked = ("ZRANGEBYLEX", self._keys[1], *UNFINISHED, "LIMIT", 0, 1)
        return bool(await self._connections.call(*asked))

    async def _page(self, way: Search, limit: int, *, claimable: bool) -> list[Job]:
        only = "1" if claimable else ""
        ids, texts = await self._run(FIND, way.due_by, way.after, way.upto, limit, only, *way.stems)
        return [read_job(int(job_id), text) for job_id, text in zip(ids, texts, strict=True)]

    async def delete(self, jobs: Sequence[Job]) -> list[bool]:
        """See ``Store.delete``."""
        answers: list[bool] = []
        for start in range(0, len(jobs), BATCH):
            batch = jobs[start : start + BATCH]
            said = [word for job in batch for word in (id_text(job.id), str(job.version))]
            answers += map(bool, await self._run(CHANGE, "delete", self._channel, *said))
        return answers

    async def clear(self) -> None:
        """See ``Store.clear``."""
        await self._run(CHANGE, "clear", self._channel)

    async def drop(self) -> None:
        """Forget the namespace: nothing of it is left on the server."""
        await self.clear()

    @asynccontextmanager
    async def watch(self, changed: Callable[[], None]) -> AsyncIterator[None]:
        """See ``Store.watch``."""
        async with self._connections.listening(self._channel, changed):
            yield

    async def aclose(self) -> None:
        """See ``Store.aclose``."""

    async def _run(self, script: Script, *said: Word) -> Any:
        return await self._connections.run(script, len(self._keys), *self._keys, *said)


async def _listen(subscription: PubSub, heard: Callable[[], None]) -> None:
    task = asyncio.current_task()
    # A wait of the driver's, or of the fake server's, may drop a cancellation for a message that
    # came at the same time.
    while task is not None and not task.cancelling():
        try:
            await subscription.get_message(timeout=None)
            heard()
        except (RedisError, OSError):
            heard()
            # The next attempt to read connects and subscribes again, and is told so.
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE_SECONDS):
                    await asyncio.get_running_loop().create_future()
