"""Tells a story once on our facade and once on the real library; both must say the same."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import docket as library
import pytest_asyncio
from docket._redis_memory import clear_memory_servers

from pytest_taskq import docket as facade

TICK = timedelta(milliseconds=5)


class Stage:
    """What a story is told on: a library, a docket of it, and a worker."""

    def __init__(self, lib, docket, worker):
        self.lib = lib
        self.docket = docket
        self.worker = worker
        self.seen = []

    async def note(self, *args, **kwargs):
        """A task that notes its arguments."""
        self.seen.append((args, kwargs))

    def soon(self, milliseconds=20):
        return datetime.now(UTC) + timedelta(milliseconds=milliseconds)

    def far(self):
        return datetime.now(UTC) + timedelta(hours=1)

    async def run(self):
        await self.worker.run_until_finished()

    async def state(self, key):
        execution = await self.docket.get_execution(key)
        return None if execution is None else execution.state.value

    async def waiting(self):
        return [one.key for one in (await self.docket.snapshot()).future]


async def told(lib, body, options):
    async with (
        lib.Docket(name=f"story-{uuid4()}", url="memory://", **options) as docket,
        lib.Worker(
            docket, name="w", minimum_check_interval=TICK, scheduling_resolution=TICK
        ) as worker,
    ):
        stage = Stage(lib, docket, worker)

        async def note(*args, **kwargs):
            await Stage.note(stage, *args, **kwargs)

        stage.note = note
        return await body(stage)


@pytest_asyncio.fixture
async def agree():
    """Tells a story twice, and gives what both libraries say."""

    async def agree(body, **options):
        ours, theirs = [await told(lib, body, options) for lib in (facade, library)]
        assert ours == theirs
        return theirs

    yield agree
    await clear_memory_servers()
