"""Odd input that is taken comes back exactly, and an odd task harms nobody but itself.

The numbers are those of a catalogue of hostile input, row by row.
"""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from zoneinfo import ZoneInfo

import pytest

from pytest_taskq.core.errors import NotFinished
from pytest_taskq.core.instants import to_instant, to_micros
from pytest_taskq.core.job import Hold, State
from pytest_taskq.core.payload import Unavailable, decode_value
from pytest_taskq.core.retry import fixed
from pytest_taskq.core.schedule import cron

pytestmark = pytest.mark.asyncio

LIVE = frozenset({State.QUEUED})


class Colour(Enum):
    RED = 1


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


ODD_NAMES = [
    *(
        "a:b",
        "{a}",
        "}",
        "*",
        "?",
        "[a]",
        "..",
        "../a",
        "a\nb",
        " ",
        "%",
        "_",
        "'; DROP TABLE j;--",
    ),
    *('"', "\\", "\u202eabc", "é", "e\u0301", "A", "a", "\U0001f600" * 512),
]
EXACT = [
    *((1, (2,)), {1: "a", "1": "b"}, {"$taskq": ["tuple"]}, {1, 2}, frozenset("a"), b"\0\xff"),
    *(-0.0, 0.1, 5e-324, 2**53 + 1, -(2**63) - 1, 10**400, True, None, "", "\u2028\x01"),
    datetime(2030, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
    *(timedelta(microseconds=-1), Colour.RED, deep(50)),
]
ERRORS = [
    *(SystemExit(0), KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit()),
    *(StopIteration(), StopAsyncIteration(), MemoryError(), RecursionError(), BaseException("x")),
    ExceptionGroup("many", [ValueError("\0\ud800")]),
]


async def test_row_5_what_nobody_registered_is_not_run_and_not_lost(bench):
    async with bench() as on:
        for task in ("os:system", "os.system", "subprocess.run", "__import__"):
            await on.add(task, args=("exit 3",))
        for job in await on.run(print):
            assert (job.state, job.failure.type_name) == (State.DEAD, "UnknownTask")
            assert job.payload == '[["exit 3"],{}]'


async def test_row_7_odd_names_are_told_apart_and_come_back(bench):
    async with bench() as on:
        for name in ODD_NAMES:
            await on.add(queue=name, key=name, holds=(Hold(name, LIVE),))
        jobs = await on.queue.find()
        assert [job.queue for job in jobs] == [job.key for job in jobs] == ODD_NAMES
        for name in ODD_NAMES:
            (claimed,) = await on.queue.leases.claim("w", 99, queues=frozenset({name}))
            assert claimed.holds[0].name == name


async def test_row_15_a_task_gets_exactly_what_was_given(bench):
    async with bench() as on:
        for value in EXACT:
            await on.add(args=(value,))

        async def bake(value):
            on.got.append(value)

        await on.run(bake)
        assert on.got == EXACT
        assert [repr(value) for value in on.got[1:]] == [repr(value) for value in EXACT[1:]]


async def test_row_19_a_result_that_cannot_be_stored_is_no_failure(bench):
    async def bake():
        return object()

    async with bench() as on:
        await on.add()
        (job,) = await on.run(bake, retry=fixed(3, timedelta()))
        assert (job.state, job.attempt) == (State.SUCCEEDED, 1)
        assert isinstance(decode_value(job.result), Unavailable)


async def test_row_21_one_instant_at_any_offset_is_one_due_time(bench):
    zones = (UTC, timezone(timedelta(hours=-12)), ZoneInfo("Australia/Lord_Howe"))
    when = datetime(2030, 6, 1, 12, tzinfo=UTC)
    async with bench() as on:
        for zone in zones:
            await on.add(due_at=to_instant(when.astimezone(zone)))
        assert {job.due_at for job in await on.queue.find()} == {to_instant(when)}


async def test_row_23_no_delay_is_now_and_not_unset(bench):
    async with bench() as on:
        job = await on.add(due_at=on.queue.clock.now() + to_micros(0))
        assert await on.queue.leases.claim("w", 1)
        await on.add(due_at=0)
        assert [found.due_at for found in await on.queue.find()] == [job.due_at, 0]


@pytest.mark.parametrize(
    ("hour", "after", "ticks"),
    [
        ("30 2", "2026-03-28T12:00", ["2026-03-29T01:00", "2026-03-30T00:30"]),
        ("30 2", "2026-10-24T12:00", ["2026-10-25T00:30", "2026-10-26T01:30"]),
        ("30 *", "2026-10-25T00:00", ["2026-10-25T00:30", "2026-10-25T01:30"]),
    ],
)
async def test_row_25_a_changed_clock_follows_the_documented_rule(hour, after, ticks):
    schedule = cron(f"{hour} * * *", "Europe/Berlin")
    instant = to_instant(datetime.fromisoformat(f"{after}+00:00"))
    found = []
    for _ in ticks:
        instant = schedule.next_after(instant)
        found.append(datetime.fromtimestamp(instant / 1e6, UTC).strftime("%Y-%m-%dT%H:%M"))
    assert found == ticks


async def test_rows_27_and_28_the_outermost_numbers_keep_their_order(bench):
    priorities = [2**31 - 1, 1, 0, -1, -(2**31)]
    ranks = [-(2**62), -(2**53) - 1, -(2**53), 0, 2**53, 2**53 + 1, 2**62]
    async with bench() as on:
        for priority in reversed(priorities):
            for rank in reversed(ranks):
                await on.add(priority=priority, rank=rank, due_at=-(2**62))
        jobs = await on.queue.leases.claim("w", 99)
        assert [(job.priority, job.rank) for job in jobs] == [
            (priority, rank) for priority in priorities for rank in ranks
        ]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_row_30_whatever_a_task_raises_its_job_is_kept(bench, error):
    async def bake():
        raise error

    async with bench() as on:
        await on.add()
        (job,) = await on.run(bake, retry=fixed(2, timedelta()))
        assert (job.state, job.attempt) == (State.DEAD, 2)
        name = "RuntimeError" if isinstance(error, StopIteration) else type(error).__name__
        assert job.failure.type_name == name


async def test_row_32_a_task_that_enqueues_itself_is_told(bench):
    async with bench() as on:
        on.queue.chain_limit = 20

        async def bake():
            await on.add()

        await on.add()
        with pytest.raises(NotFinished, match="bake has run 20 times in one chain"):
            await on.run(bake)
        states = [job.state for job in await on.queue.find()]
        assert State.RUNNING not in states
