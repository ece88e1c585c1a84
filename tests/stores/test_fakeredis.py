"""What is the fake server's own: who stops listening to it while it speaks."""

import asyncio

import pytest

from pytest_taskq.stores.fakeredis import FakeConnections
from pytest_taskq.stores.redis import RedisStore


@pytest.mark.asyncio
@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize("before", range(4))
async def test_a_watch_ends_whenever_a_word_came_in(before, after):
    connections = FakeConnections()
    store = RedisStore(connections, "taskq_watch")
    async with asyncio.timeout(5):
        async with store.watch(lambda: None):
            for _ in range(before):
                await asyncio.sleep(0)
            connections.client.publish(store._channel, "")
            for _ in range(after):
                await asyncio.sleep(0)
        await connections.aclose()
