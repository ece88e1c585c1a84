"""Instants and delays are exact, and what has no meaning is refused."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st

from pytest_taskq.core.errors import BadOption, NaiveDatetime
from pytest_taskq.core.instants import (
    from_parts,
    to_datetime,
    to_instant,
    to_micros,
    to_parts,
    unfrozen,
)
from pytest_taskq.core.payload import decode_value, encode_value

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3_600_000_000


@pytest.mark.parametrize(
    ("when", "instant"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), -1),
        (datetime(2026, 3, 1, 12, 0, 0, 7, tzinfo=UTC), 1_772_366_400_000_007),
        (datetime(1970, 1, 1, 1, tzinfo=BERLIN), 0),
        (datetime(1970, 1, 1, 5, 45, tzinfo=timezone(timedelta(hours=5, minutes=45))), 0),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), 253_402_300_799_999_999),
    ],
)
def test_an_aware_datetime_is_an_instant(when, instant):
    assert to_instant(when) == instant
    assert to_datetime(instant) == when


def test_the_two_passes_of_a_repeated_hour_are_two_instants():
    first = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)
    assert to_instant(first.replace(fold=1)) - to_instant(first) == HOUR


def test_an_instant_is_told_in_utc():
    assert to_datetime(0).tzinfo is UTC


def test_a_subclass_may_give_minus_another_meaning():
    class Other(datetime):
        def __sub__(self, other):
            return "something else"

    assert to_instant(Other(1970, 1, 1, 1, tzinfo=UTC)) == HOUR


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_datetime_survives_being_an_instant(when):
    assert to_datetime(to_instant(when)) == when


def test_a_naive_datetime_is_refused_with_both_readings_and_what_to_write():
    with pytest.raises(NaiveDatetime) as caught:
        to_instant(datetime(2026, 3, 1, 12, 0))
    message = str(caught.value)
    for part in ("2026-03-01 12:00:00", "UTC", "this machine", ".replace(tzinfo=UTC)"):
        assert part in message
    assert ".astimezone()" in message


@pytest.mark.parametrize("value", [None, 5, "2026-03-01", datetime(2026, 3, 1, tzinfo=UTC).date()])
def test_what_is_no_datetime_is_refused_with_its_type(value):
    with pytest.raises(BadOption, match=type(value).__name__):
        to_instant(value)


@pytest.mark.parametrize("instant", [10**18, -(10**18), 10**30])
def test_an_instant_outside_the_calendar_is_refused(instant):
    with pytest.raises(BadOption, match="9999"):
        to_datetime(instant)


@pytest.mark.parametrize(
    ("delay", "micros"),
    [
        (timedelta(days=2, seconds=3, microseconds=4), 172_803_000_004),
        (timedelta(0), 0),
        (0, 0),
        (90, 90_000_000),
        (0.1, 100_000),
        (-0.0, 0),
        (1e-7, 0),
        (8_589_934_592.000001, 8_589_934_592_000_002),
        (timedelta(days=3_652_058), 3_652_058 * 24 * HOUR),
    ],
)
def test_a_delay_is_exact(delay, micros):
    assert to_micros(delay) == micros
    assert type(to_micros(delay)) is int


@pytest.mark.parametrize(
    ("delay", "problem"),
    [
        (-1, "-1 is negative"),
        (-1e-9, "-1e-09 is negative"),
        (timedelta(microseconds=-1), "is negative"),
        (float("-inf"), "-inf is negative"),
        (float("nan"), "nan is not finite"),
        (float("inf"), "inf is not finite"),
        (True, "True is a bool"),
        ("5", "'5' is a str"),
        (None, "None is a NoneType"),
        (timedelta.max, "is longer than 9998 years"),
        (1e300, "is longer than 9998 years"),
    ],
)
def test_a_delay_that_means_nothing_is_refused(delay, problem):
    with pytest.raises(BadOption, match=problem):
        to_micros(delay)


def test_frozen_time_is_read_like_any_other():
    with freeze_time("2026-03-01 12:00:00"):
        now = datetime.now(UTC)
        assert type(now) is not type(to_datetime(0))
        assert to_instant(now) == 1_772_366_400_000_000
        with pytest.raises(NaiveDatetime):
            to_instant(datetime.now())


def test_the_real_class_is_found_behind_its_imitation():
    real = datetime
    with freeze_time("2026-03-01"):
        assert datetime is not real
        assert unfrozen(datetime) is real
        assert unfrozen(real) is real


@pytest.mark.parametrize("moment", ["datetime.now()", "datetime.now(UTC)", "date.today()"])
def test_frozen_time_is_stored_and_comes_back_as_plain_time(moment):
    real = {"datetime": datetime, "date": date}
    with freeze_time("2026-03-01 12:00:00"):
        value = eval(moment)
        assert type(value).__module__ == "freezegun.api"
        back = decode_value(encode_value([value, {value: 1}]))
    assert back == [value, {value: 1}]
    assert type(back[0]) is type(next(iter(back[1]))) is real[moment.partition(".")[0]]


@pytest.mark.parametrize("module", ["instants", "payload"])
def test_a_module_that_is_first_imported_while_time_is_frozen_makes_plain_datetimes(module):
    makes = {
        "instants": "to_datetime(to_instant(now()))",
        "payload": "decode_value(encode_value(now()))",
    }
    program = f"""if True:
        import datetime, freezegun
        real = [datetime.datetime]  # in a list, or it is replaced too
        with freezegun.freeze_time("2026-03-01"):
            from pytest_taskq.core.{module} import *
            now = lambda: datetime.datetime.now(datetime.UTC)
            made = {makes[module]}
            assert type(now()) is not real[0]
        assert type(made) is real[0], type(made)
    """
    env = {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program], env=env, check=True)


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN),
        datetime(2026, 10, 25, 2, 30, 0, 1, tzinfo=timezone(timedelta(hours=1), "CET")),
        datetime(2026, 10, 25),
        time(2, 30, 0, 1, tzinfo=UTC, fold=1),
        time(),
    ],
)
def test_a_datetime_or_time_is_rebuilt_from_its_parts(value):
    rebuilt = from_parts(type(value), *to_parts(value))
    assert repr(rebuilt) == repr(value)
    assert rebuilt.tzinfo is value.tzinfo or rebuilt.tzname() == value.tzname()


def test_a_zone_without_a_name_has_no_parts():
    class Mine(type(BERLIN).__base__):
        def utcoffset(self, when):
            return timedelta(0)

    assert to_parts(datetime(2026, 1, 1, tzinfo=Mine())) is None
