"""The store in Postgres: a schema of its own for each namespace, a batch in one round trip."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from pytest_taskq.core.errors import BadOption, MissingExtra, StoreUnavailable
from pytest_taskq.core.job import Job, JobId, with_id
from pytest_taskq.core.store import Change, JobQuery, Refusal, own_limit
from pytest_taskq.stores._connections import PerLoop
from pytest_taskq.stores._namespace import check_namespace
from pytest_taskq.stores._postgres_batch import Batch, numbers
from pytest_taskq.stores._postgres_errors import address, unavailable
from pytest_taskq.stores._postgres_link import Link
from pytest_taskq.stores._postgres_statements import MARK, MARK_OF, Statements, known
from pytest_taskq.stores._sql import job_row, read_job

try:
    import asyncpg
except ImportError as error:
    raise MissingExtra("asyncpg", "postgres") from error

__all__ = ["PostgresConnections", "PostgresStore"]

T = TypeVar("T")

OLDEST = 13
CONNECT_SECONDS = 10.0
SETTINGS = {
    "application_name": "pytest-taskq",
    "client_min_messages": "error",
    # Each statement has an index in its order. A plan that was made while the tables were empty
    # is kept, and must be the one for many rows. A plain scan of an index also marks the entries
    # of old rows, to be passed over from then on, where nobody vacuums.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_sort": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    # What comes after a lock must see what was committed before it.
    "default_transaction_isolation": "read committed",
    # A test's jobs need not outlive a crash of the server.
    "synchronous_commit": "off",
}
# The server has none of it: nothing was made yet, or it was dropped.
MISSING = (
    asyncpg.InvalidSchemaNameError,
    asyncpg.UndefinedFunctionError,
    asyncpg.UndefinedTableError,
)
# Somebody else has made it. A connection that had missed it may learn so from the index alone.
MADE = (asyncpg.DuplicateSchemaError, asyncpg.UniqueViolationError)


class PostgresConnections:
    """One connection to a server for each event loop, opened at first use, closed with its loop.

    ``url``: ``postgresql://user:password@host:port/database``, or ``?host=`` and the folder of a
    Unix socket. Raises BadOption when it is none.
    """

    def __init__(self, url: str) -> None:
        self.address = address(url)
        self._url = url
        self._links = PerLoop(self._link, Link.close)

    def __repr__(self) -> str:
        return f"<PostgresConnections {self.address}>"

    async def version(self) -> str:
        """The version of the server, as it writes it. Raises StoreUnavailable."""
        version: str = await self.run(lambda connection: connection.fetchval("SHOW server_version"))
        return version.partition(" ")[0]

    async def aclose(self) -> None:
        """Close the connection of the running loop. The next use opens another one."""
        await self._links.aclose()

    async def run(self, call: Callable[[Any], Awaitable[T]]) -> T:
        """Make a call on the connection of this loop. Errors of the driver become ours."""
        return await (await self._links.get()).run(call)

    @asynccontextmanager
    async def heard(self, channel: str, changed: Callable[[], None]) -> AsyncIterator[None]:
        """While entered, call ``changed`` after each notification on a channel."""
        link = await self._links.get()
        async with link.heard(channel, changed):
            yield

    async def _link(self) -> Link:
        return Link(self._open, self._failed)

    async def _open(self) -> Any:
        try:
            connection = await asyncpg.connect(
                self._url,
                timeout=own_limit(CONNECT_SECONDS),
                server_settings=SETTINGS,
                max_cached_statement_lifetime=0,
            )
        except Exception as error:  # noqa: BLE001 - of the system, of its resolver, of the driver
            # Not chained: frames of the driver know the password.
            raise unavailable(self.address, error) from None
        found = connection.get_server_version()
        encoding = connection.get_settings().server_encoding
        if found.major < OLDEST or encoding not in {"UTF8", "SQL_ASCII"}:
            await connection.close()
            raise StoreUnavailable(
                f"Postgres at {self.address} is none that we can use. It is version "
                f"{found.major}, and the database is in {encoding}. Use {OLDEST} or a newer one, "
                f"with a database in UTF8."
            )
        return connection

    def _failed(self, error: Exception) -> Exception:
        foreign = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
        known = (*MISSING, StoreUnavailable)
        if isinstance(error, foreign) and not isinstance(error, known):
            return unavailable(self.address, error)
        return error


class PostgresStore:
    """Remembers jobs in the schema ``namespace``, which is made when it is first needed.

    Any number of objects and processes may use one namespace. Raises BadOption for a name that
    is none, and at the first use for a schema that somebody else has made.
    """

    immediate = False

    def __init__(self, connections: PostgresConnections, namespace: str) -> None:
        self._namespace = check_namespace(namespace)
        self._connections = connections
        self._sql = Statements(namespace)

    def __repr__(self) -> str:
        return f"<PostgresStore {self._namespace} at {self._connections.address}>"

    async def put(self, changes: Sequence[Change]) -> list[Job | Refusal]:
        """See ``Store.put``."""
        if not changes:
            return []
        if len(changes) == 1 and changes[0].replacing is None and not changes[0].after.holds:
            # The most frequent call of all: the function would take twice as long.
            after = changes[0].after
            ((job_id, _),) = await self._fetch(self._sql.add, *job_row(after))
            return [with_id(after, job_id)]
        batch = Batch(changes)
        (row,) = await self._fetch(self._sql.put, *batch.arguments)
        return batch.answers(*row)

    async def get(self, job_id: JobId) -> Job | None:
        """See ``Store.get``."""
        rows = await self._fetch(self._sql.get, known(job_id))
        return read_job(*rows[0]) if rows else None

    async def find(self, query: JobQuery) -> list[Job]:
        """See ``Store.find``."""
        sql, values = self._sql.find(query)
        rows = await self._fetch(sql, *values)
        return [read_job(job_id, doc) for job_id, doc in rows]

    async def unfinished(self) -> bool:
        """See ``Store.unfinished``."""
        ((answer,),) = await self._fetch(self._sql.unfinished)
        return bool(answer)

    async def delete(self, jobs: Sequence[Job]) -> list[bool]:
        """See ``Store.delete``."""
        pairs = [(job.id, job.version) for job in jobs]
        rows = await self._fetch(
            self._sql.delete,
            numbers([job_id for job_id, _ in pairs]),
            numbers([version for _, version in pairs]),
        )
        gone = {(job_id, version) for job_id, version, _ in rows}
        answers = []
        for pair in pairs:
            answers.append(pair in gone)
            gone.discard(pair)
        return answers

    async def clear(self) -> None:
        """See ``Store.clear``."""
        await self._do(lambda connection: connection.execute(self._sql.clear))

    @asynccontextmanager
    async def watch(self, changed: Callable[[], None]) -> AsyncIterator[None]:
        """See ``Store.watch``."""
        async with self._connections.heard(self._namespace, changed):
            yield

    async def aclose(self) -> None:
        """See ``Store.aclose``: the connections are shared, and closed by whoever made them."""

    async def prepare(self) -> None:
        """Make the schema, before the first use of it; of several who try at once, one does."""
        script = self._sql.make

        async def was_first(connection: Any) -> bool:
            try:
                await connection.execute(script)
            except MADE:
                return False
            return True

        if not await self._connections.run(was_first):
            await self._mark()

    async def drop(self) -> None:
        """Take the schema away with all that it holds. Raises BadOption when it is not ours."""
        if await self._mark():
            await self._connections.run(lambda connection: connection.execute(self._sql.drop))

    async def _fetch(self, sql: str, *values: Any) -> Any:
        return await self._do(lambda connection: connection.fetch(sql, *values))

    async def _do(self, call: Callable[[Any], Awaitable[T]]) -> T:
        """Make a call; where the schema is missing, make that and then the call again."""
        try:
            return await self._connections.run(call)
        except MISSING:
            await self.prepare()
        try:
            return await self._connections.run(call)
        except MISSING as error:
            raise unavailable(self._connections.address, error) from None

    async def _mark(self) -> str | None:
        """What shows that the schema is ours; None when there is no schema."""
        mark: str | None = await self._connections.run(
            lambda connection: connection.fetchval(MARK_OF, self._namespace)
        )
        if mark not in {None, MARK}:
            raise BadOption(
                f"The namespace {self._namespace} cannot be used. Postgres at "
                f"{self._connections.address} has a schema of that name which we have not made. "
                f"Use another name."
            )
        return mark
