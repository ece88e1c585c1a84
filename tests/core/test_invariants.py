"""Each invariant is broken by a history made for it, and none by an honest one."""

import pytest

from pytest_taskq.core.errors import UnknownTask
from pytest_taskq.core.invariants import INVARIANTS, QUIET, SERIAL, check
from pytest_taskq.core.job import Hold, Lease, State
from pytest_taskq.core.outcome import Again, Failed, Snoozed
from support.tale import BOOM, QUEUED, RUNNING, Tale, honest

KEY, LOCK, WAIT = (Hold("name", during) for during in (QUEUED | RUNNING, RUNNING, QUEUED))
LINE = Hold("name", RUNNING, ordered=True)
SLOTS = Hold("name", RUNNING, limit=2)

# What is bent in the honest tale, how, and what that breaks.
BENT = [
    ("I1", "finish succeeded", {"outcome": Failed(BOOM)}),
    ("I1", "finish queued", {"state": State.SUCCEEDED}),
    ("I3", "claim", {"id": 99}),
    ("I3", "claim", {"verb": "enqueue"}),
    ("I5", "renew", {"verb": "claim"}),
    ("I7", "claim", {"worker": "v"}),
    ("I7", "finish", {"worker": "v"}),
    ("I7", "release", {"worker": "v"}),
    ("I7", "renew", {"lease": Lease("w", 99, 999)}),
    ("I10", "cancel cancelled", {"lease": Lease("w", 99, 999)}),
    ("I10", "finish succeeded", {"holds": (Hold("key", frozenset(State)),)}),
    ("I11", "renew", {"verb": "finish"}),
    ("I11", "requeue", {"verb": "finish"}),
    ("I15", "requeue", {"verb": "release"}),
    ("I16", "enqueue", {"state": State.RUNNING}),
    ("I16", "claim", {"version": 5}),
    ("I16", "renew", {"verb": "explode"}),
    ("I17", "expire", {"at": 159}),
    ("I22", "finish", {"at": -1}),
    ("I23", "claim", {"payload": "[1]"}),
    ("I23", "finish succeeded", {"labels": {"x": 1}}),
    ("I26", "finish succeeded", {"error": UnknownTask("bake", ())}),
    ("K2", "renew", {"holds": ()}),
    ("T1", "claim", {"at": -1}),
    ("T1", "claim", {"started_at": 5}),
    ("R1", "claim", {"attempt": 0}),
    ("R1", "renew", {"attempt": 2}),
    ("R1", "requeue", {"attempt": 1}),
    ("R2", "finish queued Failed", {"due_at": 8}),
    ("R2", "finish queued Snoozed", {"due_at": 8}),
    ("R3", "finish queued Failed", {"attempt": 0}),
    ("R3", "finish queued Snoozed", {"outcome": Snoozed(until=30, counts=True)}),
    ("R3", "expire", {"attempt": 0}),
    ("R4", "finish queued Snoozed", {"attempt": 2}),
    ("R4", "release", {"attempt": 1}),
    ("D1", "finish dead", {"failure": None}),
    ("D1", "finish dead", {"outcome": Failed(BOOM, Again(at=7))}),
    ("D1", "finish queued Failed", {"outcome": Failed(BOOM)}),
    ("D1", "expire dead", {"failure": None}),
    ("X1", "cancel running", {"cancel_requested": False}),
    ("X1", "finish cancelled", {"verb": "claim", "state": State.RUNNING}),
    ("X2", "finish cancelled", {"state": State.QUEUED}),
    ("X2", "finish succeeded", {"state": State.CANCELLED}),
    ("S3", "release", {"due_at": 9}),
    ("S3", "release", {"state": State.DEAD}),
    ("S3", "release", {"holds": ()}),
    ("C1", "claim", {"lease": Lease("w", 99, 0)}),
    ("C1", "renew", {"lease": Lease("w", 4, 99)}),
    ("V1", "enqueue", {"queue": "q" * 600}),
]


def two(first, second, *claimed):
    tale = Tale()
    tale.now = 50
    for fields in (first, second):
        tale.enqueue(**fields)
    for job_id in claimed:
        tale.claim(job_id)
    return tale.events


def a_token_given_twice():
    tale = Tale()
    tale.enqueue()
    claimed = tale.claim(1)
    tale.release(1)
    tale.claim(1)
    return [*tale.events[:-1], tale.events[-1]._replace(job=claimed._replace(version=3))]


def an_outcome_called_late():
    tale = Tale()
    tale.enqueue()
    tale.late(tale.claim(1))
    return tale.events


TOLD = [
    ("I7", a_token_given_twice()),
    ("I7", an_outcome_called_late()),
    ("I8", two({"holds": (KEY,)}, {"holds": (KEY,)})),
    ("K1", two({"holds": (LOCK,)}, {"holds": (LOCK,)}, 1, 2)),
    ("K1", two({"holds": (KEY,)}, {"holds": (LOCK,)}, 1, 2)),
    ("Q1", two({"holds": (WAIT,)}, {"holds": (WAIT,)})),
    ("O1", two({"priority": 1}, {}, 2)),
    ("T2", two({"due_at": 10}, {"due_at": 11}, 2)),
    ("T2", two({"rank": 1, "due_at": 20}, {"rank": 2, "due_at": 10}, 2)),
    ("O2", two({}, {}, 2)),
    ("O3", two({"holds": (LINE,), "due_at": 60}, {"holds": (LINE,)}, 2)),
    ("O3", two({"holds": (LINE,)}, {"holds": (LINE,), "priority": 1}, 1)),
]
HONEST = [
    two({"holds": (SLOTS,)}, {"holds": (SLOTS,)}, 1, 2),
    two({"holds": (LOCK,)}, {"holds": (LOCK,)}, 1),
    two({"queue": "night", "priority": 1}, {}, 2),
    two({"due_at": 60, "priority": 1}, {}, 2),
    two({"holds": (LINE, LOCK)}, {"holds": (LINE,), "priority": 1}, 2),
    two({"holds": (WAIT,)}, {"holds": (LOCK,)}, 1, 2),
]


def broken(events, **options):
    return {violation.invariant for violation in check(events, **options)}


def test_an_honest_history_breaks_nothing():
    assert check(honest().events, quiet=True) == []


def test_a_history_may_end_in_the_middle():
    events = honest().events
    assert [check(events[:end]) for end in range(len(events))] == [[]] * len(events)


@pytest.mark.parametrize("events", HONEST)
def test_what_may_happen_around_names_and_places_is_no_violation(events):
    assert check(events) == []


@pytest.mark.parametrize(("name", "what", "changes"), BENT)
def test_one_event_told_otherwise_breaks_it(name, what, changes):
    assert name in broken(honest().bent(what, **changes))


@pytest.mark.parametrize(("name", "events"), TOLD)
def test_what_jobs_do_to_each_other_breaks_it(name, events):
    assert name in broken(events)


def test_each_invariant_has_a_history_that_breaks_it():
    assert {name for name, *_ in BENT + TOLD} == set(INVARIANTS)


def test_a_job_passed_over_is_blamed_on_what_sets_the_two_apart():
    order = {"O1", "T2", "O2"}
    assert order < SERIAL
    wrong = {name: broken(events) & order for name, events in TOLD if name in order}
    assert wrong == {name: {name} for name in order}


def test_a_batch_is_judged_by_the_look_it_was_decided_on():
    line = Hold("name", RUNNING, limit=2, ordered=True)
    tale = Tale()
    for fields in ({"holds": (line,)}, {"holds": (line,)}, {}):
        tale.enqueue(**fields)
    tale.claim(1)
    tale.claim(3)  # job 2 was not free at the look that found these two
    assert check(tale.events) == []
    tale.enqueue()
    tale.claim(4, "v")
    assert broken(tale.events) == {"O2"}


@pytest.mark.parametrize(("claimed", "names"), [((), {"I2", "L1"}), ((1,), {"I2", "I4", "K3"})])
def test_a_quiet_end_leaves_nothing_undone(claimed, names):
    events = two({"holds": (LOCK,)}, {"holds": (LOCK,)}, *claimed)
    assert broken(events) == set()
    assert broken(events, quiet=True) == names
    assert broken(events, quiet=True, without=QUIET) == set()


def test_a_job_put_back_may_lose_a_name_that_another_has_taken():
    tale = Tale()
    tale.enqueue(holds=(WAIT,))
    tale.claim(1)
    tale.enqueue(holds=(WAIT,))
    tale.release(1)
    assert broken(tale.events) == {"Q1"}
    assert broken(tale.bent("release", holds=())) == set()


def test_an_invariant_can_be_left_out():
    events = two({}, {}, 2)
    assert check(events, without=SERIAL) == []


def test_a_violation_says_what_where_and_of_which_job():
    (found,) = check(honest().bent("release", due_at=9))
    assert (found.invariant, found.job_id, found.position) == ("S3", 4, 10)
    assert found.sentence == (
        "A job that a worker puts back is as it was, but for names that others have taken. "
        "Event 10 at 20, release by w of job 4 (bake): it was running v2, and is queued v3."
    )
