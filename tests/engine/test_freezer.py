"""Python's own clocks on ours: in the zone of the machine, beside a freeze of the user's own."""

import calendar
import copy
import datetime as datetime_module
import logging
import pickle
import sys
import threading
import time
import types
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import freezegun.api
import pytest
from freezegun import freeze_time

from pytest_taskq.core.payload import decode_call, encode_call
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.freezer import FreezegunFreezer

UTC = datetime_module.UTC
REAL = datetime_module.datetime
BERLIN = ZoneInfo("Europe/Berlin")
SUMMER = datetime(2030, 7, 15, 22, 30, 0, 123457, tzinfo=UTC)
WINTER = datetime(2030, 1, 15, 23, 30, 0, 999999, tzinfo=UTC)
TIME_FUNCTIONS = (
    *("time", "time_ns", "localtime", "gmtime", "strftime", "ctime", "asctime"),
    *("monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"),
)

pytestmark = pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone cannot be set here")


@pytest.fixture(params=["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"])
def zone(request, monkeypatch):
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield ZoneInfo(request.param)
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def early():
    """A module that imported by name what tells the time, before anything was frozen."""
    module = types.ModuleType("imports_by_name")
    exec("from time import *; from datetime import datetime, date", module.__dict__)
    sys.modules[module.__name__] = module
    yield module
    del sys.modules[module.__name__]


@pytest.fixture(autouse=True)
def nothing_left(early):
    before = told_by(early)
    yield
    assert told_by(early) == before
    assert freezegun.api.freeze_factories == []
    assert datetime_module.datetime is datetime is early.datetime is REAL


def told_by(module):
    """Everything that a freeze replaces: what it is now."""
    api = freezegun.api
    functions = [value for name, value in vars(api).items() if name.startswith("fake_")]
    return (
        [getattr(time, name) for name in TIME_FUNCTIONS],
        dict(vars(module)),
        [dict(vars(fake)) for fake in (api.FakeDatetime, api.FakeDate)],
        [(f.__code__, f.__defaults__, f.__kwdefaults__) for f in functions],
    )


@pytest.fixture
def frozen(nothing_left):
    clocks = []

    def start(instant):
        clocks.append(Clock("held", instant, freezer=FreezegunFreezer()))
        return clocks[-1]

    yield start
    for clock in clocks:
        clock.close()


def is_real_time():
    return REAL.now(UTC) - datetime.now(UTC) < timedelta(minutes=1)


def check_every_clock(clock, zone, early):
    instant = clock.time()
    seconds = clock.now() // 1_000_000
    local = instant.astimezone(zone)
    naive = local.replace(tzinfo=None)
    for kind in (datetime, early.datetime):
        assert kind.now(UTC) == instant
        assert kind.now(BERLIN).utcoffset() == instant.astimezone(BERLIN).utcoffset()
        assert kind.now(BERLIN).astimezone(UTC) == instant
        assert kind.now() == kind.today() == naive
        assert kind.now().fold == local.fold
        assert kind.utcnow() == instant.replace(tzinfo=None)
        assert kind.now().timestamp() == kind.now(UTC).timestamp() == instant.timestamp()
        assert kind.fromtimestamp(seconds) == naive.replace(microsecond=0)
        assert kind.fromtimestamp(seconds, UTC) == instant.replace(microsecond=0)
        assert kind.now().astimezone().utcoffset() == local.utcoffset()
        assert kind.now().astimezone(UTC) == instant
    for kind in (date, early.date):
        assert kind.today() == kind.fromtimestamp(seconds) == naive.date()
    for module in (time, early):
        assert module.time() == instant.timestamp()
        assert module.time_ns() == clock.now() * 1000
        assert module.localtime()[:6] == naive.timetuple()[:6]
        assert module.localtime().tm_isdst == bool(local.dst())
        assert module.localtime().tm_gmtoff == local.utcoffset().total_seconds()
        assert calendar.timegm(module.gmtime()) == seconds
        assert module.localtime(0) == time.localtime(0.5)
        assert module.strftime("%F %T %z") == local.strftime("%F %T %z")
    assert time.ctime() == time.asctime() == naive.ctime()
    assert time.ctime(0) == time.asctime(time.localtime(0))


@pytest.mark.parametrize("start", [SUMMER, WINTER, datetime(2500, 1, 1, 0, 0, 0, 1, tzinfo=UTC)])
def test_every_clock_agrees_with_the_zone_of_the_machine(frozen, zone, early, start):
    clock = frozen(start)
    check_every_clock(clock, zone, early)
    clock.close()


def test_a_jump_over_the_change_of_the_hour_changes_the_offset(frozen, zone, early):
    clock = frozen(WINTER)
    for days in (180, 180):
        clock.advance(days=days)
        check_every_clock(clock, zone, early)
    clock.close()


def test_the_hour_that_comes_twice_is_told_apart(frozen, zone, early):
    clock = frozen(datetime(2030, 10, 27, 0, 30, tzinfo=UTC))  # 02:30 in Berlin
    for _ in range(3):
        check_every_clock(clock, zone, early)
        clock.advance(hours=1)
    clock.close()


def test_a_thread_sees_the_same(frozen, zone, early):
    clock, failed = frozen(SUMMER), []

    def check():
        try:
            check_every_clock(clock, zone, early)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=check)
    thread.start()
    thread.join()
    clock.close()
    assert failed == []


def test_what_the_clocks_return_is_what_a_frozen_module_asks_for(frozen, zone):
    clock = frozen(SUMMER)
    moments = [
        *(datetime.now(), datetime.now(UTC), datetime.now(BERLIN), datetime.today()),
        *(datetime.utcnow(), datetime.fromtimestamp(0), datetime.fromtimestamp(0, BERLIN)),
        *(datetime.now().astimezone(), datetime.now(UTC).astimezone(BERLIN)),
    ]
    assert {type(moment) for moment in moments} == {datetime}
    assert {type(day) for day in (date.today(), datetime.now().date())} == {date}
    assert isinstance(REAL(2030, 1, 1), datetime)
    clock.close()


def test_a_local_now_can_be_stored(frozen, zone):
    clock = frozen(SUMMER)
    moments = (datetime.now().astimezone(), datetime.now(BERLIN), datetime.now(UTC).astimezone())
    text = encode_call(moments, {"day": date.today()})
    clock.close()
    assert decode_call(text)[0] == (SUMMER, SUMMER, SUMMER)
    assert type(moments[0].tzinfo) is timezone


def test_a_frozen_now_can_be_pickled_and_copied(frozen, zone):
    clock = frozen(SUMMER)
    for moment in (datetime.now(), datetime.now().astimezone(), datetime.now(BERLIN), date.today()):
        assert pickle.loads(pickle.dumps(moment)) == moment
        assert copy.copy(moment) == copy.deepcopy(moment) == moment
    clock.close()


def test_a_log_record_is_dated_by_the_clock(frozen, zone):
    clock = frozen(WINTER)
    record = logging.makeLogRecord({"msg": "written"})
    assert logging.Formatter().formatTime(record, "%F %T") == f"{datetime.now():%F %T}"
    clock.close()


def test_durations_stay_real_for_who_imported_them_by_name(frozen, early):
    def durations():
        return early.monotonic(), early.perf_counter(), time.monotonic_ns() / 1e9

    before = durations()
    clock = frozen(SUMMER)
    clock.advance(days=1)
    assert all(0 <= b - a < 60 for a, b in zip(before, durations(), strict=True))
    clock.close()


@pytest.mark.parametrize("tz_offset", [0, 5])
def test_a_freeze_inside_ours_is_as_it_is_without_us(frozen, zone, early, tz_offset):
    def told():
        moment = early.datetime.now()
        functions = early.time(), early.time_ns(), early.localtime(), early.strftime("%F %T")
        return moment, moment.timestamp(), early.date.today(), functions

    with freeze_time("2040-07-01 22:00", tz_offset=tz_offset):
        alone = told()
    clock = frozen(SUMMER)
    with freeze_time("2040-07-01 22:00", tz_offset=tz_offset):
        assert told() == alone
        clock.advance(1)
        assert told() == alone
    check_every_clock(clock, zone, early)
    clock.close()


@pytest.mark.parametrize("nested", [False, True], ids=["alone", "ours freezes within ours"])
def test_ours_inside_a_freeze_covers_it_and_gives_it_back(frozen, zone, early, nested):
    with freeze_time("2031-01-01") as theirs:
        clock = frozen(SUMMER)
        inner = frozen(WINTER) if nested else clock
        check_every_clock(inner, zone, early)
        assert 0 <= time.monotonic() - early.monotonic() + 1 < 60
        inner.close()
        if nested:
            check_every_clock(clock, zone, early)
        clock.close()
        assert early.datetime.now() == datetime(2031, 1, 1)
        theirs.tick(60)
        assert early.datetime.now() == datetime(2031, 1, 1, 0, 1)


def test_a_freeze_that_ends_before_ours_takes_ours_with_it(frozen, zone, early):
    with freeze_time("2031-01-01"):
        clock = frozen(SUMMER)
        late = types.ModuleType("imported_meanwhile")
        exec("from time import *; from datetime import datetime", late.__dict__)
        sys.modules[late.__name__] = late
    assert datetime is early.datetime is late.datetime is REAL
    assert early.localtime is late.localtime is time.localtime
    assert is_real_time()
    assert abs(time.mktime(time.strptime(time.ctime())) - time.time()) < 60
    with freeze_time("2032-01-01"):
        assert early.datetime.now() == datetime(2032, 1, 1)
    clock.close()
    clock.close()
    del sys.modules[late.__name__]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (0, 2, 1), (2, 1, 0)])
@pytest.mark.parametrize("theirs", [False, True])
def test_clocks_of_ours_may_end_in_any_order(frozen, early, order, theirs):
    freezer = freeze_time("2031-01-01")
    if theirs:
        freezer.start()
    clocks = [frozen(SUMMER + timedelta(days=n)) for n in range(3)]
    open_clocks = list(clocks)
    for n in order:
        assert early.datetime.now(UTC) == open_clocks[-1].time()
        open_clocks.remove(clocks[n])
        clocks[n].close()
    if theirs:
        assert early.datetime.now() == datetime(2031, 1, 1)
        freezer.stop()


def test_a_freeze_that_nobody_ended_ends_with_ours(frozen):
    clock = frozen(SUMMER)
    freeze_time("2031-01-01").start()
    clock.close()
    assert is_real_time()
