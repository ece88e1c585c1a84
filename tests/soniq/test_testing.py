"""The helpers under the path that they have in the library."""

import pytest

from pytest_taskq.soniq import Snooze
from pytest_taskq.soniq.testing import drain, make_app

pytestmark = pytest.mark.asyncio


async def test_draining_gives_the_results_in_the_order_of_success(soniq_app):
    @soniq_app.job(name="double", max_retries=1)
    async def double(n):
        if n == 2 and not failed:
            failed.append(n)
            raise ValueError(n)
        if n == 0:
            return Snooze(60)
        return None if n == 5 else n * 2

    failed = []
    await soniq_app.enqueue_many(double, [{"n": n} for n in (0, 1, 2, 5, 3)])
    await soniq_app.enqueue(double, n=9, scheduled_at=60)
    assert await drain(soniq_app, max_jobs=0) == []
    assert await drain(soniq_app, max_jobs=2) == [2]
    assert await drain(soniq_app) == [4, None, 6]
    assert await drain(soniq_app) == []


async def test_a_job_that_was_deleted_on_success_has_a_result_too():
    app = make_app(result_ttl=0)
    app.job(name="one")(lambda: 1)
    await app.enqueue("one")
    assert await drain(app) == [1]
    assert (await app.get_queue_stats())["total"] == 0
