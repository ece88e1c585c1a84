"""What the web site does when somebody books a visit."""

from datetime import timedelta

from django.db import transaction

from clinic.visits.models import Visit
from clinic.visits.tasks import confirm, remind

DAY = timedelta(days=1)


class FullyBooked(Exception):
    """There is a visit at that time already."""


@transaction.atomic
def book(patient, at):
    """Book a visit. It is confirmed soon, and the patient is reminded a day before."""
    visit = Visit.objects.create(patient=patient, at=at)
    remind.configure(schedule_at=at - DAY).defer(visit_id=visit.pk)
    if Visit.objects.filter(at=at).count() > 1:
        raise FullyBooked(at)
    transaction.on_commit(lambda: confirm.defer(visit_id=visit.pk))
    return visit
