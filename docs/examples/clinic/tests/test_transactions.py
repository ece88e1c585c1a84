"""A job goes with the transaction that it was deferred in, on memory as in the database."""

from contextlib import suppress

import pytest
from django.db import connection, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from clinic.visits.tasks import confirm

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["memory", "database"])
def visits(request):
    """The visits that there are jobs for."""
    if request.param == "memory":
        connector = request.getfixturevalue("in_memory_app").connector
        return lambda: [job.args["visit_id"] for job in connector.jobs.values()]
    if connection.vendor != "postgresql":
        pytest.skip("Procrastinate's tables need PostgreSQL")
    return lambda: [job.args["visit_id"] for job in ProcrastinateJob.objects.order_by("id")]


def test_a_block_that_fails_leaves_no_job(visits):
    with suppress(ValueError), transaction.atomic():
        confirm.defer(visit_id=1)
        raise ValueError
    confirm.defer(visit_id=2)

    assert visits() == [2]


def test_an_inner_block_that_fails_takes_only_its_own(visits):
    with transaction.atomic():
        confirm.defer(visit_id=1)
        with suppress(ValueError), transaction.atomic():
            with transaction.atomic():
                confirm.defer(visit_id=2)
            confirm.defer(visit_id=3)
            raise ValueError
        confirm.defer(visit_id=4)

    assert visits() == [1, 4]


def test_an_outer_block_that_fails_takes_what_an_inner_one_has_kept(visits):
    with suppress(ValueError), transaction.atomic():
        with transaction.atomic():
            confirm.defer(visit_id=1)
        raise ValueError

    assert visits() == []


def test_savepoints_by_hand_do_the_same(visits):
    with transaction.atomic():
        before = transaction.savepoint()
        confirm.defer(visit_id=1)
        kept = transaction.savepoint()
        confirm.defer(visit_id=2)
        transaction.savepoint_rollback(kept)
        assert visits() == [1]
        transaction.savepoint_rollback(before)
        confirm.defer(visit_id=3)

    assert visits() == [3]


def test_a_transaction_by_hand_does_the_same(visits):
    transaction.set_autocommit(False)
    try:
        confirm.defer(visit_id=1)
        transaction.rollback()
        confirm.defer(visit_id=2)
        transaction.commit()
    finally:
        transaction.set_autocommit(True)

    assert visits() == [2]


def test_a_lock_is_free_again(visits):
    once = confirm.configure(queueing_lock="confirm")
    with suppress(ValueError), transaction.atomic():
        once.defer(visit_id=1)
        raise ValueError
    once.defer(visit_id=2)

    assert visits() == [2]
