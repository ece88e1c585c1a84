"""The values and decisions that a random walk over a store is made of: few, and alike in much."""

from __future__ import annotations

from itertools import product
from random import Random
from typing import Any, Literal, NamedTuple

from pytest_taskq.core import transitions
from pytest_taskq.core.job import Failure, Hold, Job, Lease, State
from pytest_taskq.core.outcome import Again, Cancelled, Failed, Outcome, Snoozed, Succeeded
from pytest_taskq.core.store import Change
from pytest_taskq.testing._conformance.verbs import BOTH, QUEUED, RUNNING

__all__ = [
    "DUE",
    "HOLDS",
    "INSTANTS",
    "KINDS",
    "OUTCOMES",
    "SORTS",
    "SPAN",
    "STATES",
    "WHOSE",
    "Decision",
    "change",
    "claimed",
]

SPAN = 6  # microseconds: few instants, so that many fall together
INSTANTS = (0, *range(1, SPAN + 1), -1)
ENDED = frozenset({State.SUCCEEDED, State.DEAD, State.CANCELLED})

PLAIN = [
    Hold(name, during, limit)
    for name, limit in [("a", 1), ("b", 2), ("c", 1), ("a", 2)]
    for during in (RUNNING, QUEUED, BOTH, ENDED)
]
LINES = [
    Hold(name, during, limit, ordered=True)
    for name, limit in [("c", 1), ("d", 1), ("d", 2)]
    for during in (RUNNING, BOTH)
]
ONE, TWO = list(product(PLAIN + LINES)), list(product(PLAIN + LINES, repeat=2))
# Some six in ten jobs hold nothing or one name: where everybody is blocked, little happens.
HOLDS = [()] * len(TWO) + ONE * (len(TWO) // len(ONE) // 2) + TWO
Random(1).shuffle(HOLDS)  # Hypothesis likes small indexes best
HOLDS.insert(0, ())

KINDS: list[dict[str, Any]] = [
    {"task": "bake", "payload": "[[],{}]", "queue": "x"},
    {"task": "roast", "payload": "é\U0001f600\\u0000", "queue": "x"},
    {"task": "bake", "payload": "", "queue": "y", "labels": {"n": [1, None, {"é": 0.5}]}},
]

FAILURES = [Failure("E", "m", ""), Failure("\0", "\ud800", "t")]
AGAIN = [
    Again(at, priority, rank, queue, names)
    for n, at in enumerate(INSTANTS)
    for priority, rank, queue in [(None, None, None), (1, 3, "y"), (0, n, None)]
    for names in (None, HOLDS[97 * n % len(HOLDS)])
]
OUTCOMES: list[Outcome] = [
    Succeeded(),
    Succeeded('"é"'),
    Cancelled(),
    Failed(FAILURES[1]),
]
OUTCOMES += [Failed(FAILURES[again.at % 2], again) for again in AGAIN]
OUTCOMES += [Snoozed(again.at, None, again.rank, again.holds) for again in AGAIN]

STATES = [frozenset(State), QUEUED, QUEUED, RUNNING, ENDED, QUEUED | ENDED]
WHOSE = list(
    product(
        [None, None, None, frozenset("x"), frozenset("yz"), frozenset[str]()],
        [None, None, None, frozenset({"bake"}), frozenset({"bake", "roast"})],
        [None, None, None, "k", "m"],
    )
)
DUE = list(product([None] * 5 + [*INSTANTS], [None, None, None, 0, 3]))
SORTS: list[Literal["claim", "due", "id", "lease"]] = ["claim", "due", "id", "lease"]


class Decision(NamedTuple):
    """What somebody means to do to the ``which``-th of the jobs that allow it."""

    verb: str
    which: int
    at: int
    outcome: Outcome = OUTCOMES[0]
    holds: tuple[Hold, ...] = ()


def claimed(job: Job, now: int) -> Job:
    """The job in the hands of a worker."""
    return transitions.claim(job, Lease("w", 2**62 + 100 * job.id + job.attempt, now + 3), now)


def change(jobs: list[Job], decision: Decision) -> Change | None:
    """The change that the decision amounts to; None when no job allows it."""
    verb, which, at, outcome, holds = decision
    able = [job for job in jobs if job.state in transitions.TRANSITIONS[verb]]
    if not able:
        return None
    job = able[which % len(able)]
    token = job.lease.token if job.lease else 0
    match verb:
        case "claim":
            after = claimed(job, at)
        case "renew":
            after = transitions.renew(job, token, at)
        case "finish":
            after = transitions.finish(job, token, outcome, at)
        case "release":
            after = transitions.release(job, token, at)
        case "expire":
            after = transitions.expire(job, 2 * SPAN, None if which % 2 else Again(at=at))
        case "cancel":
            after = transitions.cancel(job, at)
        case _:
            after = transitions.requeue(job, at)._replace(holds=holds)
    return Change(after, job)
