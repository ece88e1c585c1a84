"""The clock: three modes, and Python's own clocks that follow it."""

import asyncio
import datetime as datetime_module
import threading
import time
from datetime import date, datetime, timedelta, timezone

import pytest

from pytest_taskq.core.errors import BadOption, NaiveDatetime
from pytest_taskq.core.instants import to_datetime
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.freezer import FreezegunFreezer
from pytest_taskq.engine.time_machine import TimeMachineFreezer

UTC = datetime_module.UTC
NOON = datetime(2031, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def frozen():
    clock = Clock("held", NOON, freezer=FreezegunFreezer())
    yield clock
    clock.close()


def test_a_held_clock_stands_still():
    clock = Clock("held", NOON)
    assert clock.now() == clock.now()
    assert clock.time() == NOON


def test_a_held_clock_without_a_start_stands_at_the_present():
    before = time.time_ns() // 1000
    now = Clock("held").now()
    assert before <= now <= time.time_ns() // 1000


@pytest.mark.parametrize(
    ("args", "units", "seconds"),
    [
        ((90,), {}, 90),
        ((0.5,), {}, 0.5),
        ((timedelta(hours=1),), {}, 3600),
        ((), {"hours": 1, "minutes": 1}, 3660),
        ((0,), {}, 0),
    ],
)
def test_advance_takes_seconds_a_timedelta_or_units(args, units, seconds):
    clock = Clock("held", NOON)
    assert clock.advance(*args, **units) == NOON + timedelta(seconds=seconds)
    assert clock.time() == NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("args", "units"), [((), {}), ((1,), {"hours": 1}), ((-1,), {}), ((float("nan"),), {})]
)
def test_a_step_that_can_mean_nothing_is_refused_and_moves_nothing(args, units):
    clock = Clock("held", NOON)
    with pytest.raises(BadOption):
        clock.advance(*args, **units)
    assert clock.time() == NOON


LAST = datetime.max.replace(tzinfo=UTC)
BEYOND = LAST.replace(tzinfo=timezone(timedelta(hours=-1)))


@pytest.mark.parametrize("freezer", [FreezegunFreezer, TimeMachineFreezer, lambda: None])
@pytest.mark.parametrize("mode", ["held", "auto"])
def test_time_ends_with_the_calendar(mode, freezer):
    clock = Clock(mode, NOON, freezer=freezer())
    try:
        with pytest.raises(BadOption, match=r"year 9999.*stands at 2031-05-04T12.* 3000000 days"):
            clock.advance(days=3_000_000)
        with pytest.raises(BadOption, match="9999"):
            clock.move_to(BEYOND)
        assert clock.time() == NOON
        assert clock.move_to(LAST) == clock.time() == LAST
        with pytest.raises(BadOption, match="9999"):
            clock.advance(microseconds=1)
        assert clock.time() == LAST
    finally:
        clock.close()


def test_a_clock_cannot_begin_after_the_calendar():
    with pytest.raises(BadOption, match="9999"):
        Clock("held", BEYOND, freezer=FreezegunFreezer())
    assert datetime.now(UTC).year != 9999


def test_time_does_not_go_back():
    clock = Clock("held", NOON)
    with pytest.raises(BadOption, match="cannot go back"):
        clock.move_to(NOON - timedelta(microseconds=1))


def test_a_naive_instant_is_refused():
    with pytest.raises(NaiveDatetime):
        Clock("held", NOON).move_to(datetime(2032, 1, 1))


def test_a_real_clock_is_never_touched():
    clock = Clock("real")
    with pytest.raises(BadOption, match="taskq_clock"):
        clock.advance(1)
    with pytest.raises(BadOption, match="cannot have a start"):
        Clock("real", NOON)


def test_a_mode_that_does_not_exist_is_refused():
    with pytest.raises(BadOption, match="auto, held, real"):
        Clock("frozen")


def test_an_auto_clock_stands_after_a_jump_and_goes_on_while_it_flows():
    clock = Clock("auto")
    clock.jump_to(clock.now() + 3_600_000_000)
    first = clock.now()
    assert clock.now() == first
    with clock.flowing():
        deadline = time.perf_counter() + 1
        while clock.now() == first and time.perf_counter() < deadline:
            pass
    assert first < clock.now() < first + 1_000_000
    assert clock.now() == clock.now()


def test_every_clock_of_python_tells_the_time_of_a_held_clock(frozen):
    for _ in range(2):
        now = frozen.time()
        assert datetime.now(UTC) == now
        assert datetime_module.datetime.now(UTC) == now
        assert datetime.now().astimezone(UTC) == now
        assert date.today() == now.astimezone().date()
        assert time.time() == now.timestamp()
        assert time.time_ns() // 1000 == frozen.now()
        frozen.advance(days=40)


def test_python_tells_the_real_time_again_afterwards():
    clock = Clock("held", NOON, freezer=FreezegunFreezer())
    assert datetime.now(UTC).year == 2031
    clock.close()
    clock.close()
    assert datetime.now(UTC).year != 2031
    assert datetime is datetime_module.datetime


def test_durations_stay_real(frozen):
    before = time.perf_counter(), time.monotonic()
    frozen.advance(days=1)
    assert time.perf_counter() - before[0] < 60
    assert time.monotonic() - before[1] < 60
    deadline = time.monotonic() + 5
    while time.perf_counter() == before[0] and time.monotonic() < deadline:
        pass
    assert time.perf_counter() > before[0]


def test_a_thread_sees_one_time_on_all_its_clocks(frozen):
    seen = []
    thread = threading.Thread(target=lambda: seen.append((datetime.now(UTC), time.time())))
    thread.start()
    thread.join()
    assert seen == [(NOON, NOON.timestamp())]


@pytest.mark.asyncio
async def test_the_loop_goes_on_while_python_is_frozen(frozen):
    await asyncio.wait_for(asyncio.sleep(0.001), timeout=5)
    seen = await asyncio.to_thread(time.time)
    assert seen == NOON.timestamp()


def test_an_auto_clock_freezes_nothing_until_it_departs():
    started, moved = [], []

    class Counting:
        def start(self, clock):
            started.append(to_datetime(clock.now()))

        def moved(self, clock):
            moved.append(to_datetime(clock.now()))

        def stop(self):
            started.append("stopped")

    clock = Clock("auto", freezer=Counting())
    clock.now()
    assert started == []
    clock.jump_to(clock.now() + 60_000_000)
    clock.jump_to(clock.now() + 60_000_000)
    assert len(started) == len(moved) == 1
    assert moved[0] - started[0] == timedelta(minutes=1)
    clock.close()
    assert started[1:] == ["stopped"]
