"""The worlds behind ``memory://`` URLs end with their event loop."""

import asyncio

from pytest_taskq.docket import Docket
from pytest_taskq.docket._queues import _QUEUES


async def brew():
    """A task."""


async def count_after_adding_one():
    async with Docket("tea", "memory://loops") as docket:
        await docket.add(brew)()
        return (await docket.snapshot()).total_tasks


def test_another_loop_is_another_world():
    assert [asyncio.run(count_after_adding_one()) for _ in range(2)] == [1, 1]


def test_the_worlds_of_closed_loops_are_forgotten():
    for _ in range(3):
        asyncio.run(count_after_adding_one())
    assert len(_QUEUES) == 1
