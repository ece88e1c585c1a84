"""A docket needs no server: after ``memory://`` its URL says which world of its own it is in."""

from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
import pytest_asyncio

from pytest_taskq.docket import Docket, Worker

pytestmark = pytest.mark.asyncio


@pytest.fixture
def lent():
    """The books that were lent, by reader."""
    return []


async def test_a_docket_in_memory_takes_tasks_and_a_worker_runs_them(lent):
    async def lend(book):
        lent.append(book)

    async with Docket(name="lending-desk", url="memory://town-library") as docket:
        docket.register(lend)
        await docket.add(lend)("Moby-Dick")
        async with Worker(docket) as worker:
            await worker.run_until_finished()
    assert lent == ["Moby-Dick"]


async def test_two_dockets_with_urls_of_their_own_know_nothing_of_each_other(lent):
    async def lend(book):
        lent.append(book)

    async def clean_shelf(number):
        lent.append(f"shelf {number}")

    async with (
        Docket(name="lending-desk", url="memory://lending-desk") as desk,
        Docket(name="caretaker", url="memory://caretaker") as caretaker,
    ):
        await desk.add(lend)("Emma")
        await caretaker.add(clean_shelf)(4)
        assert [task.function_name for task in (await desk.snapshot()).future] == ["lend"]
        async with Worker(caretaker) as worker:
            await worker.run_until_finished()
        assert lent == ["shelf 4"]
        assert (await desk.snapshot()).total_tasks == 1


@asynccontextmanager
async def open_branch():
    """A docket with a name and a world of its own."""
    async with Docket(name=f"branch-{uuid4()}", url=f"memory://branch-{uuid4()}") as docket:
        yield docket


@pytest_asyncio.fixture
async def branch_docket():
    async with open_branch() as docket:
        yield docket


async def test_a_fixture_of_ones_own_hands_out_an_open_docket(branch_docket, lent):
    async def lend(book):
        lent.append(book)

    await branch_docket.add(lend)("Persuasion")
    async with Worker(branch_docket) as worker:
        await worker.run_until_finished()
    assert lent == ["Persuasion"]


async def test_each_test_begins_with_an_empty_docket(branch_docket):
    async def lend(book): ...

    assert (await branch_docket.snapshot()).total_tasks == 0
    await branch_docket.add(lend)("Villette")
    assert (await branch_docket.snapshot()).total_tasks == 1
    async with open_branch() as docket_of_the_next_test:
        assert (await docket_of_the_next_test.snapshot()).total_tasks == 0
