"""Docket and worker as fixtures: the ones that come with the plugin, or ones of your own."""

from datetime import timedelta
from uuid import uuid4

import pytest
import pytest_asyncio

from pytest_taskq.docket import Docket, Worker

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def desk_docket():
    """A docket named anew in each test."""
    async with Docket(name=f"desk-{uuid4()}", url="memory://town-library") as docket:
        yield docket


@pytest_asyncio.fixture
async def desk_worker(desk_docket):
    """A worker that would look for work often, were it on a server."""
    async with Worker(
        desk_docket,
        minimum_check_interval=timedelta(milliseconds=5),
        scheduling_resolution=timedelta(milliseconds=5),
    ) as worker:
        yield worker


@pytest.fixture
def letters():
    """The letters that were sent: to whom, and what they say."""
    return []


@pytest.fixture
def send_letter(letters):
    """A task that sends a letter."""

    async def send_letter(reader_id, text):
        letters.append((reader_id, text))

    return send_letter


async def test_a_task_runs_with_the_arguments_it_was_added_with(
    desk_docket, desk_worker, send_letter, letters
):
    desk_docket.register(send_letter)
    await desk_docket.add(send_letter)(17, "Your book is here")
    await desk_worker.run_until_finished()
    assert letters == [(17, "Your book is here")]


async def test_it_does_so_on_the_fixtures_that_come_along(docket, worker, send_letter, letters):
    await docket.add(send_letter)(17, "Your book is here")
    await worker.run_until_finished()
    assert letters == [(17, "Your book is here")]


async def test_of_one_key_there_is_one_task_and_the_first_call_wins(
    desk_docket, desk_worker, send_letter, letters
):
    desk_docket.register(send_letter)
    key = "overdue:17"
    await desk_docket.add(send_letter, key=key)(17, "first")
    await desk_docket.add(send_letter, key=key)(17, "second")
    await desk_docket.add(send_letter, key=key)(17, "third")

    snapshot = await desk_docket.snapshot()
    assert len([task for task in snapshot.future if task.key == key]) == 1

    await desk_worker.run_until_finished()
    assert letters == [(17, "first")]


async def test_who_wants_the_last_call_to_win_replaces(docket, worker, send_letter, letters):
    key = "overdue:17"
    for text in ("first", "second", "third"):
        now = (await docket.snapshot()).taken
        await docket.replace(send_letter, now, key)(17, text)
    await worker.run_until_finished()
    assert letters == [(17, "third")]
