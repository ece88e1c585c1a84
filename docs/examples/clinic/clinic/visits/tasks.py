"""What happens later: Procrastinate finds the tasks of this module by itself."""

from datetime import timedelta

from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from clinic.visits import letters
from clinic.visits.models import Visit


@app.task(queue="mail", retry=RetryStrategy(max_attempts=3, wait=600))
def remind(visit_id):
    visit = Visit.objects.get(pk=visit_id)
    letters.send(visit.patient, f"See you on {visit.at:%d %B}!")
    visit.reminded_at = timezone.now()
    visit.save()


@app.task
async def confirm(visit_id):
    await Visit.objects.filter(pk=visit_id).aupdate(confirmed=True)


@app.periodic(cron="0 3 * * *")
@app.task
def forget_old_visits(timestamp):
    Visit.objects.filter(at__lt=timezone.now() - timedelta(days=365)).delete()
