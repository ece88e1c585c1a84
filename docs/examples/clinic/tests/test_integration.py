"""Integration tests: the real database, and a real worker on connections of its own."""

import pytest
from django.db import connection
from django.test import TransactionTestCase
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.exceptions import ReadOnlyModel
from procrastinate.contrib.django.models import ProcrastinateJob

from clinic.visits.booking import book
from clinic.visits.models import Visit
from clinic.visits.tasks import confirm
from conftest import NOON

pytestmark = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="Procrastinate's tables need PostgreSQL"
)


@pytest.mark.django_db
def test_a_booking_writes_the_row_of_its_reminder(in_a_week):
    visit = book("Ada", in_a_week)

    row = ProcrastinateJob.objects.get(task_name="clinic.visits.tasks.remind")
    assert (row.status, row.args) == ("todo", {"visit_id": visit.pk})


@pytest.mark.parametrize("again", [1, 2])
@pytest.mark.django_db(transaction=True)
def test_a_worker_runs_the_job_and_the_next_test_begins_without_it(procrastinate_worker, again):
    visit = Visit.objects.create(patient="Ada", at=timezone.now())
    confirm.defer(visit_id=visit.pk)

    procrastinate_worker()

    assert ProcrastinateJob.objects.get().status == "succeeded"
    visit.refresh_from_db()
    assert visit.confirmed


@pytest.mark.asyncio
@pytest.mark.django_db(transaction=True)
async def test_the_worker_is_awaited_in_an_async_test(procrastinate_worker):
    visit = await Visit.objects.acreate(patient="Ada", at=NOON)
    await confirm.defer_async(visit_id=visit.pk)

    await procrastinate_worker()

    assert (await ProcrastinateJob.objects.aget()).status == "succeeded"


class TestWithReplacedConnector(TransactionTestCase):
    def test_a_worker_as_the_documentation_has_it(self):
        visit = Visit.objects.create(patient="Ada", at=NOON)
        confirm.defer(visit_id=visit.pk)

        with app.replace_connector(app.connector.get_worker_connector()):
            app.run_worker(wait=False, install_signal_handlers=False, listen_notify=False)

        job = ProcrastinateJob.objects.get(task_name="clinic.visits.tasks.confirm")
        assert job.status == "succeeded"


@pytest.mark.django_db
def test_the_models_are_read_only():
    with pytest.raises(ReadOnlyModel):
        ProcrastinateJob.objects.create(task_name="by hand")


@pytest.mark.django_db
def test_the_models_can_be_made_writable(procrastinate_writable_models):
    row = {"queue_name": "mail", "task_name": "by hand", "priority": 0, "args": {}}
    ProcrastinateJob.objects.create(**row, status="todo", attempts=0, abort_requested=False)
    assert ProcrastinateJob.objects.get().task_name == "by hand"
