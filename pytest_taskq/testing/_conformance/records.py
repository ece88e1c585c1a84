"""Promises on records: what comes back is what was put, to the last bit and letter."""

from __future__ import annotations

from typing import Any

from pytest_taskq.core.job import Failure, Hold, Job, Lease, State
from pytest_taskq.core.store import JobQuery, Store
from pytest_taskq.testing._conformance.bench import on_two_handles
from pytest_taskq.testing._conformance.verbs import (
    BOTH,
    QUEUED,
    RUNNING,
    add_each,
    landed,
    new,
    numbers,
    put,
)

__all__ = ["RecordTests"]

INSTANTS = (-(2**62), 1 - 2**62, -(2**53) - 1, -1, 0, 1, 2**53, 2**53 + 1, 2**62 - 1, 2**62)
PRIORITIES = (-(2**31), -1, 0, 1, 2**31 - 1)
TOKENS = (0, 1, 2**53, 2**53 + 1, 2**63 - 2, 2**63 - 1)

# Pairs that some databases, collations, patterns or paths take for the same.
NAMES = (
    *(
        "a",
        "A",
        " a",
        "a ",
        "a\n",
        "a\t",
        "aa",
        "ä",
        "a\u0308",
        "ß",
        "ss",
        "SS",
        "\u0130",
        "\u0131",
        "I",
    ),
    *("*", "?", "[a]", "%", "_", "a%", "a_", "a*", ".", "..", "a/b", "a\\b", "\\u0061", "\\"),
    *(":", "a:b", "a::b", "{a}", "{", "}", "a}b", "'", '"', "''", "a';--", "$1", "?1", ":a", "`"),
    *("0", "00", "1", "1.0", "1e0", "null", "None", "true", "[]", "\x01", "\x1f", "\x7f", "\x85"),
    *("\u202eabc", "\u200b", "\ufeff", "\ufffd", "\uffff", "\U0001f600", "\U0010ffff"),
    *("x" * 512, "x" * 511 + "y", "\U0001f600" * 512, "\U0001f600" * 511),
)
# A payload and a result may have any text but NUL and lone surrogates, which are escaped in it.
TEXT = (
    '["\\u0000\\ud800", "\x01\x7f\x85\u2028\ufeff\uffff\U0001f600\U0010ffff", "\\\\", "\\""] \r\n\t'
)
# How a task failed is any text at all.
ANY_TEXT = "NUL \0, lone \ud800 and \udfff, \r\n, \U0001f600, ' \" \\ \\0 \\u0000 %s $1 {}"
LABELS = {
    "": None,
    "nested": {"list": [1, [2, {"three": 3}], []], "empty": {}, "text": ANY_TEXT},
    "numbers": [0, -1, 2**53 + 1, -(2**63), 1.5, 0.1, 1e300, -0.25],
    "flags": [True, False, None],
    NAMES[-1]: "é",
}


FULL = Job(
    task="kitchen.bake \U0001f35e",
    payload=TEXT,
    due_at=2**62,
    queue="Küche",
    priority=2**31 - 1,
    rank=-(2**62),
    key="key " + "é" * 508,
    holds=(
        Hold("queued", QUEUED),
        Hold("running", RUNNING, 2**31),
        Hold("both", BOTH, 7, ordered=True),
        Hold("ended", frozenset({State.SUCCEEDED, State.DEAD, State.CANCELLED}), 2, ordered=False),
        Hold("never", frozenset()),
    ),
    labels=LABELS,
    attempt=2**31 - 1,
    cancel_requested=True,
    parent=2**53 + 1,
    created_at=-(2**62),
    version=0,
)

LEASE = Lease("wörker \U0001f600" + "w" * 504, 2**63 - 1, 2**62)
FAILURE = Failure("Error " + ANY_TEXT, ANY_TEXT, ANY_TEXT * 500)
CHANGES: tuple[dict[str, Any], ...] = (
    {"state": State.RUNNING, "lease": LEASE, "started_at": 2**62, "cancel_requested": False},
    {"lease": Lease("w", 0, -(2**62)), "started_at": 0, "labels": {}, "attempt": 0},
    {"state": State.QUEUED, "lease": None, "failure": FAILURE, "due_at": -(2**62), "rank": 2**62},
    {"priority": -(2**31), "queue": "night", "holds": (), "rank": None, "due_at": 0},
    {"failure": Failure("", "", ""), "labels": {"": ""}, "finished_at": -(2**62)},
    {"state": State.SUCCEEDED, "failure": None, "result": TEXT, "finished_at": 2**62},
    {"state": State.DEAD, "result": "", "started_at": None, "finished_at": None},
    {"state": State.CANCELLED, "result": None, "holds": FULL.holds, "labels": LABELS},
)
INTEGERS = ("id", "due_at", "priority", "rank", "attempt", "parent", "created_at", "version")


class RecordTests:
    @on_two_handles
    async def test_a_new_job_comes_back_as_it_was_put(self, one: Store, two: Store) -> None:
        for number, job in enumerate((FULL, new(), new(task="x" * 512)), start=1):
            stored = await put(one, job)
            assert stored == job._replace(id=number)
            assert await two.get(number) == stored
        assert await two.find(JobQuery()) == [await one.get(number) for number in (1, 2, 3)]

    @on_two_handles
    async def test_every_field_that_changes_comes_back_as_it_was_put(
        self, one: Store, two: Store
    ) -> None:
        stored = landed(await put(one, FULL))
        for version, fields in enumerate(CHANGES, start=1):
            after = stored._replace(**fields, version=version)
            assert await put(one, after, stored) == after
            assert await two.get(1) == after
            assert await two.find(JobQuery()) == [after]
            stored = after

    @on_two_handles
    async def test_fields_have_the_types_they_were_put_with(self, one: Store, two: Store) -> None:
        await put(one, FULL._replace(state=State.RUNNING, lease=LEASE, failure=FAILURE))
        (found,) = await two.find(JobQuery())
        got = await two.get(1)
        for job in (found, got):
            assert type(job) is Job
            assert (type(job.lease), type(job.failure)) == (Lease, Failure)
            assert job.state is State.RUNNING
            assert type(job.holds) is tuple
            assert {type(hold) for hold in job.holds} == {Hold}
            assert job.holds[2].during == BOTH
            assert type(job.cancel_requested) is bool
            assert [type(value) for value in job.labels["numbers"]] == [int] * 4 + [float] * 4
            assert {type(getattr(job, name)) for name in INTEGERS} == {int}

    @on_two_handles
    async def test_instants_are_exact_to_the_microsecond(self, one: Store, two: Store) -> None:
        shuffled = INSTANTS[1::2] + INSTANTS[::2]
        jobs = await add_each(one, *[new(due_at=at, rank=-at, key=str(at)) for at in shuffled])
        number = {job.due_at: job.id for job in jobs}
        assert await numbers(two, sort="due") == [number[at] for at in INSTANTS]
        assert await numbers(two, sort="claim") == [number[at] for at in reversed(INSTANTS)]
        for place, at in enumerate(INSTANTS):
            earlier = [number[at] for at in INSTANTS[: place + 1]]
            assert await numbers(two, due_by=at, sort="due") == earlier
            assert await numbers(two, due_after=at) == sorted(set(number.values()) - set(earlier))

    @on_two_handles
    async def test_leases_are_exact_to_the_microsecond_and_the_last_digit(
        self, one: Store, two: Store
    ) -> None:
        leases = [Lease("wörker " + "w" * 505, TOKENS[n % 6], at) for n, at in enumerate(INSTANTS)]
        running = [new(state=State.RUNNING, lease=lease) for lease in reversed(leases)]
        jobs = (await add_each(one, *running))[::-1]
        assert [job.lease for job in await two.find(JobQuery(sort="lease"))] == leases
        for place, at in enumerate(INSTANTS):
            found = await two.find(JobQuery(lease_expired_by=at, sort="lease"))
            assert found == jobs[: place + 1]

    @on_two_handles
    async def test_priorities_are_exact(self, one: Store, two: Store) -> None:
        jobs = await add_each(one, *[new(priority=priority) for priority in PRIORITIES])
        assert await two.find(JobQuery(sort="claim")) == jobs[::-1]

    @on_two_handles
    async def test_keys_queues_and_tasks_are_told_apart_to_the_letter(
        self, one: Store, two: Store
    ) -> None:
        jobs = [new(name, key=name, queue=name) for name in NAMES]
        for job in await add_each(one, *jobs):
            assert await numbers(two, key=job.key) == [job.id]
            assert await numbers(two, queues=frozenset({job.queue})) == [job.id]
            assert await numbers(two, tasks=frozenset({job.task})) == [job.id]

    @on_two_handles
    async def test_a_payload_of_the_largest_size_comes_back(self, one: Store, two: Store) -> None:
        job = new()._replace(payload="é" * 131_072, result="\U0001f600" * 65_536)
        stored = landed(await put(one, job))
        assert await two.get(stored.id) == job._replace(id=stored.id)
