"""Sentences that are true of every history of a queue, each with the function that checks it.

Nothing here looks into an engine or a store. An invariant sees one step: what a job was, what
happened, what it became, and the others around it. Those of a quiet end see how a job stands.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from pytest_taskq.core import _questions as ask
from pytest_taskq.core._replay import Event, Step, replay
from pytest_taskq.core.job import FINAL, JobId, State
from pytest_taskq.core.transitions import TRANSITIONS

__all__ = ["INVARIANTS", "SERIAL", "QUIET", "Event", "Invariant", "Violation", "check"]

QUEUED, RUNNING = State.QUEUED, State.RUNNING


class Violation(NamedTuple):
    """An invariant that a history breaks, and the job and the event (from 0) where it does."""

    invariant: str
    sentence: str
    job_id: JobId
    position: int


class Invariant(NamedTuple):
    """``kept`` says of a step whether the sentence is true; asked for these verbs only."""

    sentence: str
    verbs: frozenset[str]
    kept: Callable[[Step], bool]


def check(
    events: Iterable[Event], *, quiet: bool = False, without: Collection[str] = ()
) -> list[Violation]:
    """Every violation, in order; none for an honest history.

    The events must come in the order in which the changes landed, those of several processes
    merged, from an empty store on, and nothing was deleted. ``quiet``: at its end everything
    that could happen had happened. ``without``: the invariants not to check; processes that work
    at the same time, on a store that waits, promise nothing that is ``SERIAL``.
    """
    rows = [(name, row) for name, row in INVARIANTS.items() if name not in without]
    last: dict[JobId, Step] = {}
    found: list[Violation] = []
    for step in replay(events):
        verb = step.event.verb
        asked = verb if verb in ANY or verb == "late" else UNKNOWN
        found += [
            _violation(*row, step)
            for row in rows
            if asked in row[1].verbs and not row[1].kept(step)
        ]
        if verb != "late":
            last[step.after.id] = step
    if quiet:
        rows = [(name, row) for name, row in QUIET.items() if name not in without]
        found += [
            _violation(*row, step)
            for step in last.values()
            for row in rows
            if not row[1].kept(step)
        ]
    return found


def _violation(name: str, row: Invariant, step: Step) -> Violation:
    return Violation(name, f"{row.sentence} {step}", step.after.id, step.position)


UNKNOWN = "?"
CHANGES = frozenset({*TRANSITIONS, UNKNOWN})
NEW, CLAIM = frozenset({"enqueue"}), frozenset({"claim"})
ANY = CHANGES | NEW
ENDS = frozenset({"finish", "release", "expire"})
KEEPS = frozenset({"renew", "cancel"})

INVARIANTS: dict[str, Invariant] = {
    "I1": Invariant(
        "A job succeeds when its task has returned, and only then.",
        CHANGES - {"cancel", "requeue"},
        ask.succeeds_by_its_own_report,
    ),
    "I3": Invariant(
        "One enqueue makes one job, and nothing else makes any.",
        ANY,
        ask.is_new_exactly_when_enqueued,
    ),
    "I5": Invariant(
        "A job has one worker at a time.",
        CLAIM,
        lambda step: step.is_new or step.before.lease is None,
    ),
    "I7": Invariant(
        "Only who holds the latest lease changes a running job, and who holds it is heard.",
        CLAIM | {"renew", "finish", "release", "late"},
        ask.is_fenced,
    ),
    "I8": Invariant(
        "A key belongs to one job, from its enqueueing to its end.",
        ANY,
        ask.has_room(lambda hold: {QUEUED, RUNNING} <= hold.during),
    ),
    "I10": Invariant(
        "A job that has ended holds no name and no lease.",
        CHANGES,
        lambda step: (
            step.after.state not in FINAL
            or not (step.after.lease or step.after.wants(step.after.state))
        ),
    ),
    "I11": Invariant(
        "An attempt ends once.",
        ENDS,
        lambda step: step.before.state is RUNNING and step.after.state is not RUNNING,
    ),
    "I15": Invariant(
        "Nothing follows the end of a job but a requeue.",
        CHANGES - {"requeue"},
        lambda step: step.is_new or step.before.state not in FINAL,
    ),
    "I16": Invariant(
        "Every change is in the table of transitions, and makes the next version.",
        ANY,
        ask.leads_where_the_table_says,
    ),
    "I17": Invariant(
        "A lease is taken away only when it has lapsed.",
        frozenset({"expire"}),
        lambda step: (
            step.before.lease is not None and step.before.lease.expires_at <= step.event.at
        ),
    ),
    "I22": Invariant(
        "Time does not go back in the life of a job.",
        CHANGES,
        lambda step: step.event.at >= step.world.told.get(step.after.id, step.event.at),
    ),
    "I23": Invariant("A job stays what was given.", CHANGES, ask.is_what_was_given),
    "I26": Invariant(
        "A job whose task nobody knows is kept, with the reason.",
        frozenset({"finish"}),
        ask.is_kept_though_unknown,
    ),
    "K1": Invariant(
        "No more jobs run under a lock than its limit.",
        ANY,
        ask.has_room(lambda hold: RUNNING in hold.during),
    ),
    "K2": Invariant(
        "A running job keeps its names.",
        KEEPS,
        lambda step: step.after.holds == step.before.holds,
    ),
    "Q1": Invariant(
        "No more jobs wait under a name than its limit.",
        ANY,
        ask.has_room(lambda hold: QUEUED in hold.during),
    ),
    "O1": Invariant("The highest priority is claimed first.", CLAIM, ask.is_next(0)),
    "T2": Invariant("Of one priority, the first in rank is claimed first.", CLAIM, ask.is_next(1)),
    "O2": Invariant("Of one rank, the oldest is claimed first.", CLAIM, ask.is_next(2)),
    "O3": Invariant("Jobs under an ordered lock start in their order.", CLAIM, ask.keeps_the_line),
    "T1": Invariant(
        "No job starts before it is due.",
        CLAIM,
        lambda step: step.before.due_at <= step.event.at == step.after.started_at,
    ),
    "R1": Invariant(
        "A claim counts one attempt, a requeue begins at none.",
        CLAIM | KEEPS | {"requeue"},
        ask.counts_as_it_should,
    ),
    "R2": Invariant(
        "What comes back is due when its attempt said.",
        frozenset({"finish"}),
        ask.is_due_as_decided,
    ),
    "R3": Invariant(
        "An attempt that fails or whose lease lapses counts.",
        frozenset({"finish", "expire"}),
        ask.counts_unless_it_snoozed,
    ),
    "R4": Invariant(
        "A job that is put back or snoozes gets its attempt back, unless that counts.",
        frozenset({"finish", "release"}),
        ask.gives_the_attempt_back,
    ),
    "D1": Invariant(
        "A job is dead when it was given up, and keeps the reason.",
        frozenset({"finish", "expire"}),
        ask.dies_with_its_reason,
    ),
    "X1": Invariant(
        "A cancelled job does not start, and a running one is asked to stop.",
        CLAIM | {"cancel"},
        ask.cancel_is_heard,
    ),
    "X2": Invariant(
        "A job asked to stop does not go back, and no other ends cancelled.",
        CHANGES - {"requeue", UNKNOWN},
        ask.stays_asked_to_stop,
    ),
    "S3": Invariant(
        "A job that a worker puts back is as it was, but for names that others have taken.",
        frozenset({"release"}),
        ask.goes_back_untouched,
    ),
    "C1": Invariant(
        "A lease ends in the future, and a renewed one no sooner.",
        CLAIM | {"renew"},
        ask.leases_the_future,
    ),
    "V1": Invariant("What must be refused is nowhere.", NEW, ask.was_allowed),
}
"""What holds at every event, under the names of a catalogue of queue failures."""

SERIAL = frozenset({"O1", "T2", "O2", "I22"})
"""What holds as long as nobody changes jobs between a look and what is decided on it: the order
of claims, and that of instants, which a process reads before it looks."""

QUIET: dict[str, Invariant] = {
    "I2": Invariant("Every job has ended.", ANY, lambda step: step.after.state in FINAL),
    "I4": Invariant("No job is left under a lease.", ANY, lambda step: step.after.lease is None),
    "K3": Invariant(
        "No name is held by a job that runs no more.",
        ANY,
        lambda step: step.after.state is not RUNNING or not step.after.wants(RUNNING),
    ),
    "L1": Invariant(
        "No job waits that nothing keeps from running.",
        ANY,
        lambda step: step.after.state is not QUEUED or step.world.blocks(step.after),
    ),
}
"""What holds besides when everything that could happen has happened."""
