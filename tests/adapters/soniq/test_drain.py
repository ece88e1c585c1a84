"""The harness drains a real Soniq app."""

from datetime import UTC, datetime

import pytest
from soniq import Soniq

from pytest_taskq.core.errors import NotFinished

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.taskq_time(start=datetime(2030, 1, 1, tzinfo=UTC), mode="held"),
]


@pytest.fixture
def taskq_app():
    return Soniq(database_url="postgresql://nowhere.invalid/db")


async def test_the_last_attempt_that_a_limit_allows_is_looked_at(taskq, soniq_app):
    ran = []

    @soniq_app.job(name="count", max_retries=0)
    async def count(n):
        ran.append(n)
        if n == 4:
            raise ValueError("four")

    for n in range(1, 6):
        await soniq_app.enqueue(count, n=n)
    with pytest.raises(NotFinished, match=r"After 3 attempts .* 2 jobs are due"):
        await taskq.drain(until="1h", limit=3)
    with pytest.raises(ValueError, match="four"):
        await taskq.drain(until="1h", limit=1)
    assert ran == [1, 2, 3, 4]
