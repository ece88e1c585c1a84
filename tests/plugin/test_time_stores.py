"""The clock of a test means the same on every store: exact hours in a task, and retries."""

import pytest

from support.stores import ALL

TESTS = """
    import asyncio
    import pytest
    from datetime import UTC, datetime, timedelta
    from pytest_taskq.docket import Retry

    pytestmark = pytest.mark.asyncio

    @pytest.mark.taskq_time("2030-01-01", mode="auto")
    async def test_a_task_sleeps_for_an_hour(docket, worker):
        slept = []

        async def sleep():
            before = datetime.now(UTC)
            await asyncio.sleep(3600)
            slept.append(datetime.now(UTC) - before)

        await docket.add(sleep)()
        await worker.run_until_finished()
        assert slept == [timedelta(hours=1)]

    @pytest.mark.taskq_time("2030-01-01")
    async def test_a_retry_becomes_due(docket, worker, taskq_clock):
        tried = []

        async def charge(retry: Retry = Retry(attempts=2, delay=timedelta(hours=1))):
            tried.append(datetime.now(UTC))
            raise ConnectionError

        await docket.add(charge)()
        await worker.run_until_finished()
        taskq_clock.advance(minutes=59)
        await worker.run_until_finished()
        assert len(tried) == 1
        taskq_clock.advance(minutes=1)
        await worker.run_until_finished()
        assert [at.hour for at in tried] == [0, 1]
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ALL)
def test_an_hour_is_an_hour_on_every_store(run, backend):
    run(TESTS, f"--taskq-backend={backend}").assert_outcomes(passed=2)
