"""Python's own clocks on ours by way of time-machine: exact, and real again afterwards."""

import datetime as datetime_module
import threading
import time
from datetime import UTC, date, datetime, timedelta

import pytest

from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.time_machine import TimeMachineFreezer

travel = pytest.importorskip("time_machine").travel

NOON = datetime(2031, 5, 4, 12, 0, 0, 123_457, tzinfo=UTC)
ELSEWHERE = datetime(2040, 1, 1, tzinfo=UTC)
KEPT_NOW = datetime.now


@pytest.fixture
def frozen():
    clocks = []

    def start(instant, mode="held"):
        clocks.append(Clock(mode, instant, freezer=TimeMachineFreezer()))
        return clocks[-1]

    yield start
    for clock in clocks:
        clock.close()
    assert abs(time.time() - time.clock_gettime(time.CLOCK_REALTIME)) < 60
    assert datetime.now(UTC).year < 2031


def check_every_clock(clock):
    instant = clock.time()
    local = instant.astimezone()
    assert datetime.now(UTC) == datetime_module.datetime.now(UTC) == KEPT_NOW(UTC) == instant
    assert datetime.now() == datetime.today() == local.replace(tzinfo=None)
    assert date.today() == local.date()
    assert time.time_ns() // 1000 == clock.now()
    assert time.time() == pytest.approx(instant.timestamp(), abs=1e-6)
    assert time.localtime()[:6] == local.timetuple()[:6]
    assert time.gmtime()[:6] == instant.timetuple()[:6]
    assert time.strftime("%F %T %z") == local.strftime("%F %T %z")


@pytest.mark.parametrize(
    "start",
    [
        NOON,
        datetime(2030, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2500, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    ],
)
def test_every_clock_agrees_to_the_microsecond(frozen, start):
    clock = frozen(start)
    check_every_clock(clock)
    for step in (0.000001, 0.1, 3_600, timedelta(days=180), "1h0.999999s"):
        clock.advance(step)
        check_every_clock(clock)


def test_ten_thousand_small_steps_add_up(frozen):
    clock = frozen(NOON)
    for _ in range(10_000):
        clock.advance(microseconds=333)
    check_every_clock(clock)
    assert clock.time() == NOON + timedelta(microseconds=3_330_000)


def test_python_tells_the_real_time_again_afterwards(frozen):
    clock = frozen(NOON)
    assert datetime.now(UTC).year == 2031
    clock.close()
    clock.close()
    assert datetime.now(UTC).year != 2031


def test_a_closed_clock_moves_python_no_more(frozen):
    clock = frozen(NOON, mode="auto")
    clock.close()
    clock.jump_to(clock.now() + 1_000_000)
    assert datetime.now(UTC).year != 2031


def test_durations_stay_real(frozen):
    before = time.monotonic(), time.perf_counter(), time.monotonic_ns() / 1e9
    clock = frozen(NOON)
    clock.advance(days=1)
    after = time.monotonic(), time.perf_counter(), time.monotonic_ns() / 1e9
    assert all(0 <= b - a < 60 for a, b in zip(before, after, strict=True))


def test_a_thread_sees_the_same(frozen):
    clock, seen = frozen(NOON), []
    thread = threading.Thread(target=lambda: seen.append(datetime.now(UTC)))
    thread.start()
    thread.join()
    assert seen == [clock.time()]


def test_what_the_clocks_return_is_a_plain_datetime(frozen):
    frozen(NOON)
    assert {type(moment) for moment in (datetime.now(), datetime.now(UTC))} == {
        datetime_module.datetime
    }
    assert type(date.today()) is date


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (0, 2, 1), (2, 1, 0)])
def test_clocks_of_ours_may_end_in_any_order(frozen, order):
    clocks = [frozen(NOON + timedelta(days=n)) for n in range(3)]
    open_clocks = list(clocks)
    for n in order:
        open_clocks[0].advance(1)
        check_every_clock(open_clocks[-1])
        open_clocks.remove(clocks[n])
        clocks[n].close()


def test_a_journey_inside_ours_is_its_own_and_gives_ours_back(frozen):
    clock = frozen(NOON)
    with travel(ELSEWHERE, tick=False):
        assert datetime.now(UTC) == ELSEWHERE
    check_every_clock(clock)


def test_a_journey_that_nobody_ended_ends_with_ours(frozen):
    clock = frozen(NOON)
    travel(ELSEWHERE).start()
    clock.close()
    assert datetime.now(UTC).year < 2031


def test_ours_inside_a_journey_covers_it_and_gives_it_back(frozen):
    with travel(ELSEWHERE, tick=False):
        clock = frozen(NOON)
        check_every_clock(clock)
        clock.close()
        assert datetime.now(UTC) == ELSEWHERE
