"""Unit tests: no PostgreSQL, no worker process, and a week passes in a moment.

The jobs run in the thread of the test and on its connection. They see the rows of the test, and
everything is rolled back at its end, as in any test with `django_db`.
"""

from datetime import timedelta

import pytest

from clinic.visits.booking import FullyBooked, book
from clinic.visits.models import Visit
from clinic.visits.tasks import confirm, forget_old_visits, remind
from conftest import NOON
from pytest_taskq import job

pytestmark = [pytest.mark.django_db, pytest.mark.taskq_time(start=NOON)]


def test_a_booking_plans_a_reminder_for_the_day_before(in_memory_app, in_a_week):
    visit = book("Ada", in_a_week)

    (reminder,) = in_memory_app.connector.jobs.values()
    assert (reminder.task_name, reminder.queue) == ("clinic.visits.tasks.remind", "mail")
    assert reminder.args == {"visit_id": visit.pk}
    assert reminder.scheduled_at == in_a_week - timedelta(days=1)


def test_the_reminder_is_sent_when_its_day_comes(in_memory_app, taskq_clock, sent, in_a_week):
    visit = book("Ada", in_a_week)
    in_memory_app.run_worker(wait=False)
    assert sent == []

    taskq_clock.advance(days=6)
    in_memory_app.run_worker(wait=False)

    assert sent == [("Ada", "See you on 08 May!")]
    visit.refresh_from_db()
    assert visit.reminded_at == NOON + timedelta(days=6)


def test_a_booking_that_fails_leaves_no_job_behind(in_memory_app, in_a_week):
    book("Ada", in_a_week)
    with pytest.raises(FullyBooked):
        book("Bob", in_a_week)

    assert len(in_memory_app.connector.jobs) == 1
    assert Visit.objects.count() == 1


def test_the_confirmation_waits_for_the_commit(
    taskq, in_a_week, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        visit = book("Ada", in_a_week)
        taskq.assert_not_enqueued(confirm)

    taskq.assert_enqueued(job(confirm, visit_id=visit.pk))
    taskq.drain()
    visit.refresh_from_db()
    assert visit.confirmed


def test_a_letter_that_does_not_leave_is_tried_again(taskq, sent, in_a_week, monkeypatch):
    troubles = [ConnectionError("the post office is closed")]

    def send(to, text):
        if troubles:
            raise troubles.pop()
        sent.append((to, text))

    monkeypatch.setattr("clinic.visits.letters.send", send)
    visit = book("Ada", in_a_week)

    ran = taskq.drain(until="7d", only=remind, errors="retry")

    assert ran == [job(remind, visit_id=visit.pk)] * 2
    visit.refresh_from_db()
    assert visit.reminded_at == NOON + timedelta(days=6, minutes=10)


def test_old_visits_are_forgotten_at_night(taskq):
    Visit.objects.create(patient="Ada", at=NOON - timedelta(days=364))

    taskq.drain(until="1d")
    assert Visit.objects.count() == 1

    ran = taskq.drain(until="1d")
    assert [each.task for each in ran] == [forget_old_visits.name]
    assert Visit.objects.count() == 0
