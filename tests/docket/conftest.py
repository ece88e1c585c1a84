"""What several tests of the docket facade begin with: a task that notes, dockets that share."""

import pytest
import pytest_asyncio

from pytest_taskq.docket import Docket


@pytest.fixture
def seen():
    """What tasks were called with: see ``note``."""
    return []


@pytest.fixture
def note(seen):
    """A task that notes its arguments in ``seen``."""

    async def note(*args, **kwargs):
        seen.append((args, kwargs))

    return note


@pytest.fixture
def states(docket):
    """The states of the tasks with these keys."""

    async def states(*keys):
        return [(await docket.get_execution(key)).state for key in keys]

    return states


@pytest_asyncio.fixture
async def tea_shop():
    """A docket of one's own; ``stranger`` shares its tasks and has registered none of them."""
    async with Docket("tea", "memory://shop") as docket:
        yield docket


@pytest_asyncio.fixture
async def stranger(tea_shop):
    async with Docket(tea_shop.name, tea_shop.url) as docket:
        yield docket
