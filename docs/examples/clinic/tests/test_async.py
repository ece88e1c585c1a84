"""The same in async tests. Django gives them another thread, so they commit what they do."""

import pytest

from clinic.visits.models import Visit
from clinic.visits.tasks import confirm, remind
from conftest import NOON

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.django_db(transaction=True),
    pytest.mark.taskq_time(start=NOON),
]


@pytest.mark.parametrize("task", [confirm, remind])
async def test_a_job_sees_the_rows_of_the_test_and_the_test_those_of_the_job(
    in_memory_app, sent, task
):
    visit = await Visit.objects.acreate(patient="Ada", at=NOON)
    await task.defer_async(visit_id=visit.pk)

    await in_memory_app.run_worker_async(wait=False)

    await visit.arefresh_from_db()
    assert visit.confirmed or visit.reminded_at == NOON


async def test_the_harness_is_awaited(taskq, in_a_week):
    visit = await Visit.objects.acreate(patient="Ada", at=in_a_week)
    await confirm.configure(schedule_in={"days": 2}).defer_async(visit_id=visit.pk)

    await taskq.drain(until="3d")

    await visit.arefresh_from_db()
    assert visit.confirmed
