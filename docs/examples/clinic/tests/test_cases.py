"""Django's own classes of tests: the fixtures come by `usefixtures`."""

import pytest
from django.test import TestCase, TransactionTestCase
from procrastinate.contrib.django import app

from clinic.visits.models import Visit
from clinic.visits.tasks import confirm
from conftest import NOON


class Confirming:
    def confirm(self):
        visit = Visit.objects.create(patient="Ada", at=NOON)
        confirm.defer(visit_id=visit.pk)
        app.run_worker(wait=False)
        visit.refresh_from_db()
        return visit.confirmed


@pytest.mark.usefixtures("in_memory_app")
class TestRolledBack(Confirming, TestCase):
    def test_a_visit_is_confirmed(self):
        assert self.confirm()
        assert len(app.connector.jobs) == 1

    def test_every_test_begins_without_jobs(self):
        assert len(app.connector.jobs) == 0
        assert self.confirm()


@pytest.mark.usefixtures("in_memory_app")
class TestCommitted(Confirming, TransactionTestCase):
    def test_a_visit_is_confirmed(self):
        assert self.confirm()
        assert len(app.connector.jobs) == 1
