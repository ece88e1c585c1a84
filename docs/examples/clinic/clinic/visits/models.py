"""What the clinic remembers."""

from django.db import models


class Visit(models.Model):
    patient = models.CharField(max_length=100)
    at = models.DateTimeField()
    reminded_at = models.DateTimeField(null=True)
    confirmed = models.BooleanField(default=False)

    def __str__(self):
        return f"{self.patient} at {self.at}"
