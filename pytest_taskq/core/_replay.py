"""A history read again: at each event, what its job was, and how all the others stood."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from typing import Protocol

from pytest_taskq.core.job import Hold, Job, JobId, State
from pytest_taskq.core.outcome import Outcome
from pytest_taskq.core.store import claim_order, line_order

__all__ = ["Event", "Step", "World", "replay"]

QUEUED, RUNNING = State.QUEUED, State.RUNNING
NOBODY: frozenset[JobId] = frozenset()


class Event(Protocol):
    """What a history has of each change that landed; ``job`` is the record after it."""

    @property
    def at(self) -> int: ...
    @property
    def verb(self) -> str: ...
    @property
    def job(self) -> Job: ...
    @property
    def worker(self) -> str | None: ...
    @property
    def outcome(self) -> Outcome | None: ...
    @property
    def error(self) -> BaseException | None: ...


class World:
    """All jobs as the events so far have left them."""

    def __init__(self) -> None:
        self.jobs: dict[JobId, Job] = {}
        self.tokens: set[int] = set()
        self.told: dict[JobId, int] = {}  # when each job was last heard of
        self._queued: set[JobId] = set()
        self._holders: dict[str, set[JobId]] = defaultdict(set)
        self._lines: dict[str, set[JobId]] = defaultdict(set)
        self._batch: tuple[str | None, int] | None = None
        self._open: list[Job] = []

    def holders(self, name: str) -> Collection[JobId]:
        """Who holds a name."""
        return self._holders.get(name, NOBODY)

    def goes_before(self, job: Job, hold: Hold) -> bool:
        """Whether a queued job comes before this one in the line of an ordered name."""
        place = line_order(job)
        rivals = [self.jobs[other] for other in self._lines.get(hold.name, ())]
        return any(line_order(rival) < place for rival in rivals)

    def blocks(self, job: Job) -> bool:
        """Whether a name keeps this queued job from running."""
        for hold in job.holds:
            if RUNNING not in hold.during:
                continue
            holders = self.holders(hold.name)
            if len(holders) >= hold.limit and job.id not in holders:
                return True
            if hold.ordered and self.goes_before(job, hold):
                return True
        return False

    def passed_over(self, job: Job, at: int) -> Job | None:
        """The first that this claim could have taken before ``job``, from the same queue.

        It must have been free when the batch of claims began and be so still: a batch is
        decided on one look.
        """
        for rival in self._open:
            if claim_order(rival) >= claim_order(job):
                return None
            same = rival.queue == job.queue and self.jobs[rival.id] is rival
            if same and rival.due_at <= at and not self.blocks(rival):
                return rival
        return None

    def look(self, event: Event) -> None:
        """Note what is free where a batch of claims begins."""
        batch = (event.worker, event.at) if event.verb == "claim" else None
        if batch is not None and batch != self._batch:
            queued = [self.jobs[job_id] for job_id in self._queued]
            self._open = sorted(
                (job for job in queued if job.due_at <= event.at and not self.blocks(job)),
                key=claim_order,
            )
        self._batch = batch

    def apply(self, event: Event) -> None:
        """Let the event happen."""
        job, before = event.job, self.jobs.get(event.job.id)
        if before is not None:
            for hold in before.holds:
                self._holders[hold.name].discard(job.id)
                self._lines[hold.name].discard(job.id)
        for hold in job.wants(job.state):
            self._holders[hold.name].add(job.id)
        self._queued.discard(job.id)
        if job.state is QUEUED:
            self._queued.add(job.id)
            for hold in job.holds:
                if hold.ordered:
                    self._lines[hold.name].add(job.id)
        if job.lease is not None:
            self.tokens.add(job.lease.token)
        self.jobs[job.id] = job
        self.told[job.id] = event.at


class Step:
    """One event, ``before`` which its job was so, and the world around it.

    For a job not heard of before, ``before`` is the job itself and ``is_new`` is true.
    """

    def __init__(self, position: int, event: Event, world: World) -> None:
        self.position = position
        self.event = event
        self.world = world
        self.after = event.job
        self.is_new = event.job.id not in world.jobs
        self.before = world.jobs.get(event.job.id, event.job)

    @property
    def taken(self) -> list[Hold]:
        """The names that the job holds now and did not hold before."""
        had = () if self.is_new else self.before.wants(self.before.state)
        names = {hold.name for hold in had}
        return [hold for hold in self.after.wants(self.after.state) if hold.name not in names]

    @cached_property
    def passed_over(self) -> Job | None:
        """See ``World.passed_over``."""
        return self.world.passed_over(self.before, self.event.at)

    def __str__(self) -> str:
        job, event = self.after, self.event
        by = f" by {event.worker}" if event.worker else ""
        was = "unknown" if self.is_new else f"{self.before.state} v{self.before.version}"
        return (
            f"Event {self.position} at {event.at}, {event.verb}{by} of job {job.id} ({job.task}): "
            f"it was {was}, and is {job.state} v{job.version}."
        )


def replay(events: Iterable[Event]) -> Iterator[Step]:
    """Let the events happen to an empty world, each after it was looked at.

    The world is one object: a step that is kept sees it as it is in the end.
    """
    world = World()
    for position, event in enumerate(events):
        world.look(event)
        yield Step(position, event, world)
        if event.verb != "late":
            world.apply(event)
