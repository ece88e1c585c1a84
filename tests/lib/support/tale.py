"""Histories made by hand: an honest one, told by the real transitions, and how to bend it."""

from typing import NamedTuple

from pytest_taskq.core import transitions
from pytest_taskq.core.job import Failure, Hold, Job, Lease, State
from pytest_taskq.core.outcome import Again, Cancelled, Failed, Outcome, Snoozed, Succeeded

QUEUED, RUNNING = frozenset({State.QUEUED}), frozenset({State.RUNNING})
BOOM = Failure("ValueError", "boom", "")
LEASE = 100


class Event(NamedTuple):
    at: int
    verb: str
    job: Job
    worker: str | None = None
    outcome: Outcome | None = None
    error: BaseException | None = None

    @property
    def words(self):
        return f"{self.verb} {self.job.state} {type(self.outcome).__name__}"


class Tale:
    """A history told by the real transitions, one verb a line; ``now`` goes as told."""

    def __init__(self):
        self.events = []
        self.jobs = {}
        self.now = 0

    def told(self, verb, job, *rest):
        self.events.append(Event(self.now, verb, job, *rest))
        if verb != "late":
            self.jobs[job.id] = job
        return job

    def enqueue(self, **fields):
        new = Job("bake", "[]", due_at=self.now, id=len(self.jobs) + 1, created_at=self.now)
        return self.told("enqueue", new._replace(**fields))

    def claim(self, job_id, worker="w"):
        lease = Lease(worker, len(self.events), self.now + LEASE)
        return self.told("claim", transitions.claim(self.jobs[job_id], lease, self.now), worker)

    def renew(self, job_id):
        job = self.jobs[job_id]
        after = transitions.renew(job, job.lease.token, self.now + LEASE)
        return self.told("renew", after, job.lease.worker)

    def finish(self, job_id, outcome=Succeeded(), error=None):
        job = self.jobs[job_id]
        after = transitions.finish(job, job.lease.token, outcome, self.now)
        return self.told("finish", after, job.lease.worker, outcome, error)

    def release(self, job_id):
        job = self.jobs[job_id]
        after = transitions.release(job, job.lease.token, self.now)
        return self.told("release", after, job.lease.worker)

    def expire(self, job_id, again=None):
        return self.told("expire", transitions.expire(self.jobs[job_id], self.now, again))

    def cancel(self, job_id):
        return self.told("cancel", transitions.cancel(self.jobs[job_id], self.now))

    def requeue(self, job_id):
        return self.told("requeue", transitions.requeue(self.jobs[job_id], self.now))

    def late(self, job):
        return self.told("late", job, job.lease.worker, Succeeded())

    def bent(self, what, **changes):
        """The events up to the first that is ``what``, told otherwise.

        ``what``: its verb, the state it led to, and the type of the outcome, as far as needed;
        ``changes``: of its own fields, or of its job's.
        """
        position = next(at for at, event in enumerate(self.events) if event.words.startswith(what))
        event = self.events[position]
        own = {name: changes.pop(name) for name in list(changes) if name in Event._fields}
        changed = event._replace(job=event.job._replace(**changes), **own)
        return [*self.events[:position], changed]


def honest():
    """A tale in which every verb and every outcome occurs."""
    tale = Tale()
    lock, key = Hold("lock", RUNNING, ordered=True), Hold("key", QUEUED | RUNNING)
    slots = Hold("slots", RUNNING, limit=2)
    for fields in ({"holds": (lock, key)}, {"holds": (lock,)}, {"holds": (slots,), "due_at": 50}):
        tale.enqueue(**fields)
    tale.enqueue(priority=5, holds=(slots,))
    tale.claim(4)
    tale.claim(1)
    tale.now = 10
    tale.renew(4)
    tale.finish(1, Failed(BOOM, Again(at=20)), ValueError("boom"))
    tale.now = 20
    tale.claim(1)
    tale.finish(1, Snoozed(until=30))
    tale.release(4)
    tale.now = 60
    lost = tale.claim(4)
    tale.claim(1)
    tale.claim(3)
    tale.finish(3)
    tale.cancel(1)
    tale.finish(1, Cancelled())
    tale.now = 200
    tale.expire(4, Again(at=200))
    tale.late(lost)
    tale.claim(4, "v")
    tale.finish(4, Failed(BOOM))
    tale.requeue(4)
    tale.cancel(4)
    tale.claim(2)
    tale.now = 400
    tale.expire(2)
    return tale
