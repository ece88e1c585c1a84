"""The fixtures that docket's own documentation proposes, and a client of the counter."""

from datetime import timedelta
from uuid import uuid4

import pytest
import pytest_asyncio
from docket import Docket, Worker
from httpx import ASGITransport, AsyncClient

from postoffice.app import app
from postoffice.depot import open_depot
from postoffice.tasks import tasks

SOON = timedelta(milliseconds=5)


@pytest.fixture
def depot():
    return open_depot()


@pytest_asyncio.fixture
async def post(depot):
    """The docket of the application."""
    async with Docket(name=f"post-{uuid4()}", url="memory://post") as docket:
        for task in tasks:
            docket.register(task)
        yield docket


@pytest_asyncio.fixture
async def postman(post):
    """A worker that starts nothing of its own accord."""
    async with Worker(
        post,
        minimum_check_interval=SOON,
        scheduling_resolution=SOON,
        schedule_automatic_tasks=False,
    ) as worker:
        yield worker


@pytest_asyncio.fixture
async def counter(post):
    """What customers see."""
    app.state.docket = post
    async with AsyncClient(transport=ASGITransport(app), base_url="http://post") as client:
        yield client
