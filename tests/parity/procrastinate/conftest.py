"""The same lines of user code on three arms: real Postgres, our connector, our facade."""

import asyncio
import logging
import secrets

import procrastinate
import psycopg
import pytest

from pytest_taskq import procrastinate as facade
from pytest_taskq.adapters.procrastinate import TaskqConnector

TABLES = "procrastinate_jobs, procrastinate_workers, procrastinate_periodic_defers"


@pytest.fixture(scope="session")
def database(backends):
    """The address of a database of its own, with Procrastinate's schema."""
    server, name = backends.place("postgres"), f"parity_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    url = f"{server}&options=-csearch_path%3D{name}"

    async def apply_schema():
        app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url))
        async with app.open_async():
            await app.schema_manager.apply_schema_async()

    asyncio.run(apply_schema())
    yield url
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture
def real(database):
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"TRUNCATE {TABLES} RESTART IDENTITY CASCADE")
    return procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=database))


@pytest.fixture(params=["connector", "facade"])
def ours(request):
    if request.param == "connector":
        return procrastinate.App(connector=TaskqConnector())
    return facade.App(connector=facade.InMemoryConnector())


@pytest.fixture
def agree(real, ours, caplog):
    """Runs a scenario on the real arm and on ours, and compares what comes out."""
    caplog.set_level(logging.CRITICAL + 1)

    async def compare(scenario):
        outcomes = [await outcome(app, scenario) for app in (ours, real)]
        assert outcomes[0] == outcomes[1]

    return compare


async def outcome(app, scenario):
    """What the scenario returns, or the name of what it raises."""
    try:
        async with app.open_async():
            return await asyncio.wait_for(scenario(app), 30)
    except Exception as error:
        known = (kind for kind in type(error).__mro__ if not kind.__module__.startswith("pytest"))
        named = next(
            (
                kind.__name__
                for kind in type(error).__mro__
                if "procrastinate.exceptions" in kind.__module__ or kind.__module__ == "builtins"
            ),
            next(known).__name__,
        )
        return f"raises {named}"
