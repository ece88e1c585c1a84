"""A private server for a run of benchmarks, made empty before each pass.

Nothing but a server that we started ourselves is ever emptied.
"""

import asyncio
import contextlib
import tempfile
from pathlib import Path

from pytest_taskq.servers import RunServers, find

SCHEMAS = """SELECT nspname FROM pg_namespace
    WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'"""


@contextlib.contextmanager
def started(kind):
    """Give a function whose result is the address of an empty server, or of no file yet."""
    with tempfile.TemporaryDirectory() as folder:
        if kind == "sqlite":
            numbers = iter(range(1_000_000))
            yield lambda: str(Path(folder, f"{next(numbers)}.db"))
            return
        servers = RunServers.make()
        try:
            url = servers.url(find(kind))
            empty = {"redis": emptied_redis, "postgres": emptied_postgres}[kind]
            yield lambda: empty(url)
        finally:
            servers.close()


def emptied_redis(url):
    import redis

    with redis.Redis.from_url(url) as client:
        while names := list(client.scan_iter(count=10_000)):
            client.unlink(*names)
    return url


def emptied_postgres(url):
    asyncio.run(emptied_schemas(url))
    return url


async def emptied_schemas(url):
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        for (name,) in await connection.fetch(SCHEMAS):
            await connection.execute(f'DROP SCHEMA "{name}" CASCADE')
        await connection.execute("CREATE SCHEMA public")
        await connection.execute("VACUUM")
    finally:
        await connection.close()
