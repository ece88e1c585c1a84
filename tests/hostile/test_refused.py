"""Input that means harm, or nothing, is refused alike on all backends, and leaves no trace.

The numbers are those of a catalogue of hostile input, row by row.
"""

from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock

import pytest

from pytest_taskq.core.errors import (
    BadOption,
    NaiveDatetime,
    NeverFires,
    NotStorable,
    PayloadTooLarge,
)
from pytest_taskq.core.instants import to_instant, to_micros
from pytest_taskq.core.job import Hold, State
from pytest_taskq.core.retry import exponential, fixed
from pytest_taskq.core.schedule import cron, every
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.tasks import Task

pytestmark = pytest.mark.asyncio

LIVE = frozenset({State.QUEUED})
LOOP = []
LOOP.append(LOOP)


class Text(str):
    __slots__ = ()


class Moment(datetime):
    pass


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


def args(*values):
    return {"args": values}


def keyed(value):
    return {"kwargs": {"user": {"avatar": value}}}


def hold(name, limit=1):
    return {"holds": (Hold(name, LIVE, limit),)}


REFUSED = [
    (7, {"queue": ""}, BadOption, "queue"),
    (7, {"queue": "a\0b"}, BadOption, "NUL"),
    (7, {"queue": "\ud800"}, BadOption, "surrogates"),
    (7, {"queue": None}, BadOption, "queue"),
    (7, {"key": ""}, BadOption, "key"),
    (7, {"key": "k" * 10_000}, BadOption, "str of 10000"),
    (7, {"key": b"k"}, BadOption, "key"),
    (7, hold(""), BadOption, "name to hold"),
    (7, hold("x\0"), BadOption, "NUL"),
    (7, {"task": ""}, BadOption, "task"),
    (7, {"task": "t" * 513}, BadOption, "task"),
    (14, args(object()), NotStorable, r"args\[0\]"),
    (14, keyed(open), NotStorable, r"args\.user\.avatar"),
    (14, keyed(lambda: 0), NotStorable, r"args\.user\.avatar"),
    (14, {"kwargs": {"x": (1, [{2: range(3)}])}}, NotStorable, r"args\.x"),
    (15, args(float("nan")), NotStorable, "nan"),
    (15, args(float("-inf")), NotStorable, "inf"),
    (15, args(Text("a")), NotStorable, "come back as a str"),
    (15, args(OrderedDict(a=1)), NotStorable, "come back as a dict"),
    (15, args(Moment(2030, 1, 1)), NotStorable, "come back as a datetime"),
    (15, args("\0"), NotStorable, "Databases refuse"),
    (15, args("\udfff"), NotStorable, "Databases refuse"),
    (17, args("x" * 1_000_000), PayloadTooLarge, "1,000,0"),
    (17, args(b"x" * 1_000_000), PayloadTooLarge, "allowed"),
    (17, args(deep(10_000)), PayloadTooLarge, "nested too deep"),
    (17, args(LOOP), PayloadTooLarge, "nested too deep"),
    (17, args(dict.fromkeys(range(1_000_000))), PayloadTooLarge, "too large"),
    (27, {"priority": 2**31}, BadOption, "priority"),
    (27, {"priority": -(2**31) - 1}, BadOption, "priority"),
    (27, {"priority": 2**53}, BadOption, "priority"),
    (27, {"priority": 0.0}, BadOption, "priority"),
    (27, {"priority": False}, BadOption, "priority"),
    (28, {"rank": 2**62 + 1}, BadOption, "rank"),
    (28, {"due_at": 2**63}, BadOption, "due instant"),
    (28, {"due_at": 1.5}, BadOption, "due instant"),
    (28, hold("x", 0), BadOption, "limit"),
    (28, hold("x", 2**40), BadOption, "limit"),
]

# Instants, delays and schedules mean nothing to a store: they are refused before there is a job.
MEANINGLESS = [
    (20, lambda: to_instant(datetime(2030, 1, 1)), NaiveDatetime, "UTC.*as the wall clock"),
    (20, lambda: to_instant("2030-01-01T00:00:00Z"), BadOption, "is a str"),
    (23, lambda: to_micros(-1), BadOption, "is negative"),
    (23, lambda: to_micros(timedelta(microseconds=-1)), BadOption, "is negative"),
    (23, lambda: to_micros(-1e-9), BadOption, "is negative"),
    (23, lambda: to_micros(float("inf")), BadOption, "not finite"),
    (23, lambda: to_micros(True), BadOption, "is a bool"),
    (23, lambda: fixed(0, timedelta()), BadOption, "attempts"),
    (23, lambda: fixed(2, timedelta(seconds=-1)), BadOption, "delay"),
    (23, lambda: exponential(-1, timedelta(1)), BadOption, "attempts"),
    (23, lambda: every(timedelta()), BadOption, "interval|step"),
    (23, lambda: Task.of(print, timeout=0), BadOption, "time limit"),
    (23, lambda: Task.of(print, timeout=-1), BadOption, "negative"),
    (23, lambda: Queue(None, Clock("held"), lease=0), BadOption, "lease"),
    (23, lambda: Queue(None, Clock("held"), lease=-1), BadOption, "lease"),
    (25, lambda: cron("0 0 * * *", "Mars/Olympus"), BadOption, "zoneinfo"),
    (25, lambda: cron("0 0 * * *", "../etc/passwd"), BadOption, "zoneinfo"),
    (26, lambda: cron("0 0 30 2 *"), NeverFires, "never fires"),
    (26, lambda: cron("60 * * * *"), BadOption, "minute"),
    (26, lambda: cron("* * * * * * *"), BadOption, "number of fields"),
]


@pytest.mark.parametrize(("row", "options", "error", "text"), REFUSED)
async def test_a_refused_job_leaves_no_trace(bench, row, options, error, text):
    async with bench() as on:
        first = await on.add()
        with pytest.raises(error, match=text):
            await on.add(**options)
        assert await on.queue.find() == [first]
        assert len(on.queue.history) == 1
        assert (await on.add()).id == 2


@pytest.mark.parametrize(("row", "make", "error", "text"), MEANINGLESS)
async def test_a_time_or_number_that_means_nothing_is_refused(row, make, error, text):
    with pytest.raises(error, match=text):
        make()


@pytest.mark.parametrize("backend", ["redis", "postgres"])
@pytest.mark.parametrize("name", ['x"; DROP TABLE jobs;--', "x}:{y", "*", "", "X", "x" * 42, "é"])
async def test_row_6_a_namespace_is_a_plain_name_or_refused(backends, backend, name):
    with pytest.raises(BadOption, match="namespace"):
        backends.open(backend, name)


@pytest.mark.parametrize("argument", [object(), {"a": {1, open}}])
async def test_row_14_through_every_facade(argument, docket, in_memory_app, soniq_app):
    async def bake(x):
        raise AssertionError("nothing of this may run")

    in_memory_app.task(name="bake")(bake)
    soniq_app.job(name="bake")(bake)
    with pytest.raises(TypeError, match="cannot pickle"):
        await docket.add(bake)([argument, Lock()])  # Docket pickles: a lock is what nobody can
    with pytest.raises(TypeError, match=r"args\.x"):
        await in_memory_app.configure_task("bake").defer_async(x=argument)
    with pytest.raises(Exception, match=r"args\.x"):
        await soniq_app.enqueue("bake", args={"x": argument})
    assert (await docket.snapshot()).total_tasks == 0
    assert in_memory_app.connector.jobs == {}
    assert await soniq_app.list_jobs() == []


async def test_row_20_through_every_facade(docket, in_memory_app, soniq_app):
    async def bake():
        raise AssertionError("nothing of this may run")

    naive = datetime(2030, 1, 1)
    in_memory_app.task(name="bake")(bake)
    soniq_app.job(name="bake")(bake)
    with pytest.raises(NaiveDatetime):
        await docket.add(bake, when=naive)()
    with pytest.raises(NaiveDatetime):
        await in_memory_app.configure_task("bake", schedule_at=naive).defer_async()
    with pytest.raises(NaiveDatetime):
        await soniq_app.enqueue("bake", scheduled_at=naive)
    assert (await docket.snapshot()).total_tasks == 0
    assert in_memory_app.connector.jobs == {}
    assert await soniq_app.list_jobs() == []
