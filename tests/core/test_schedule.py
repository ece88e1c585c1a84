"""Ticks come when they should: also where clocks change, months end, and nothing ever comes."""

import re
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_taskq.core.errors import BadOption, NeverFires
from pytest_taskq.core.instants import to_datetime, to_instant
from pytest_taskq.core.schedule import ALIASES, cron, every

BERLIN = ZoneInfo("Europe/Berlin")
SECOND = 1_000_000


def utc(text):
    return to_instant(datetime.fromisoformat(f"{text}+00:00"))


def ticks(schedule, start, count):
    """The next ticks as UTC, without their seconds where these are zero."""
    found, instant = [], utc(start)
    for _ in range(count):
        instant = schedule.next_after(instant)
        found.append(to_datetime(instant).strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00"))
    return found


def test_an_interval_without_anchor_counts_from_the_instant():
    assert every(timedelta(seconds=10)).next_after(3) == 10 * SECOND + 3


@pytest.mark.parametrize(
    ("instant", "tick"), [(0, 3), (3, 13), (4, 13), (12, 13), (13, 23), (-7, 3), (-8, -7)]
)
def test_an_anchored_interval_ticks_on_its_grid(instant, tick):
    assert every(timedelta(microseconds=10), anchor=3).next_after(instant) == tick


@given(st.integers(1, 10**12), st.integers(-(10**15), 10**15), st.integers(-(10**15), 10**15))
def test_the_next_tick_is_the_nearest_one_ahead(step, anchor, instant):
    tick = every(timedelta(microseconds=step), anchor=anchor).next_after(instant)
    assert instant < tick <= instant + step
    assert (tick - anchor) % step == 0


@pytest.mark.parametrize("interval", [timedelta(0), timedelta(seconds=-1), 0, None, float("nan")])
def test_an_interval_must_be_longer_than_zero(interval):
    with pytest.raises(BadOption):
        every(interval)


@pytest.mark.parametrize(
    ("expression", "start", "expected"),
    [
        ("* * * * *", "2026-01-01T00:00:00", ["2026-01-01 00:01", "2026-01-01 00:02"]),
        ("*/15 * * * *", "2026-01-01T00:44:59.999999", ["2026-01-01 00:45", "2026-01-01 01:00"]),
        ("0 9 * * MON", "2026-01-01T00:00:00", ["2026-01-05 09:00", "2026-01-12 09:00"]),
        ("0 0 29 2 *", "2026-01-01T00:00:00", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("0 0 31 * *", "2026-01-31T00:00:00", ["2026-03-31 00:00", "2026-05-31 00:00"]),
        ("0 0 L * *", "2026-01-31T00:00:00", ["2026-02-28 00:00", "2026-03-31 00:00"]),
        ("0 0 L 2 *", "2026-03-01T00:00:00", ["2027-02-28 00:00", "2028-02-29 00:00"]),
        ("0 0 30 2 MON", "2026-01-01T00:00:00", ["2026-02-02 00:00", "2026-02-09 00:00"]),
        ("* * * * * 30", "2026-01-01T00:00:00", ["2026-01-01 00:00:30", "2026-01-01 00:01:30"]),
        ("* * * * * */20", "2026-01-01T00:00:20", ["2026-01-01 00:00:40", "2026-01-01 00:01"]),
        ("  0  0 1 1 * ", "2026-01-01T00:00:00", ["2027-01-01 00:00"]),
    ],
)
def test_a_cron_expression_ticks(expression, start, expected):
    assert ticks(cron(expression), start, len(expected)) == expected


@pytest.mark.parametrize(
    ("alias", "expected"),
    [
        ("@yearly", "2027-01-01 00:00"),
        ("@annually", "2027-01-01 00:00"),
        ("@monthly", "2026-06-01 00:00"),
        ("@weekly", "2026-05-17 00:00"),
        ("@daily", "2026-05-14 00:00"),
        ("@midnight", "2026-05-14 00:00"),
        ("@HOURLY", "2026-05-13 11:00"),
    ],
)
def test_an_alias_ticks(alias, expected):
    assert ticks(cron(alias), "2026-05-13T10:20:30", 1) == [expected]


def test_the_seconds_are_the_last_of_six_fields_or_the_first_if_told():
    last = ticks(cron("30 4 * * * 15"), "2026-01-01T00:00:00", 1)
    first = ticks(cron("15 30 4 * * *", seconds="first"), "2026-01-01T00:00:00", 1)
    assert last == first == ["2026-01-01 04:30:15"]


def test_a_tick_is_strictly_later_even_by_a_microsecond():
    daily, midnight = cron("@daily"), utc("2026-01-02T00:00:00")
    assert daily.next_after(midnight - 1) == midnight
    assert daily.next_after(midnight) == utc("2026-01-03T00:00:00")


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", BERLIN, timezone(timedelta(hours=1))], ids=["name", "zone", "offset"]
)
def test_the_zones_wall_clock_counts(zone):
    assert ticks(cron("30 4 * * *", zone), "2026-01-01T00:00:00", 1) == ["2026-01-01 03:30"]


@pytest.mark.parametrize("zone", ["UTC", ZoneInfo("UTC"), UTC])
def test_utc_is_utc_however_it_is_said(zone):
    assert ticks(cron("30 4 * * *", zone), "2026-03-29T00:00:00", 1) == ["2026-03-29 04:30"]


# In Berlin 02:00 to 03:00 does not exist on 2026-03-29, and comes twice on 2026-10-25.
@pytest.mark.parametrize(
    ("expression", "start", "expected"),
    [
        pytest.param(
            "30 2 * * *", "2026-03-28T00:00:00",
            ["2026-03-28 01:30", "2026-03-29 01:00", "2026-03-30 00:30"],
            id="a fixed time in the gap comes right after it",
        ),
        pytest.param(
            "30 2 * * *", "2026-10-24T12:00:00", ["2026-10-25 00:30", "2026-10-26 01:30"],
            id="a fixed time that comes twice is taken once, the first time",
        ),
        pytest.param(
            "*/30 2 * * *", "2026-03-28T12:00:00", ["2026-03-30 00:00", "2026-03-30 00:30"],
            id="a star has no ticks in the gap",
        ),
        pytest.param(
            "*/30 2 * * *", "2026-10-24T12:00:00",
            ["2026-10-25 00:00", "2026-10-25 00:30", "2026-10-25 01:00", "2026-10-25 01:30"],
            id="a star ticks in both passes",
        ),
        pytest.param(
            "30 2 * * * 0", "2026-10-24T12:00:00", ["2026-10-25 00:30", "2026-10-25 01:30"],
            id="with seconds it follows the wall clock",
        ),
        pytest.param(
            "0 * * * *", "2026-03-28T23:30:00",
            ["2026-03-29 00:00", "2026-03-29 01:00", "2026-03-29 02:00"],
            id="every hour stays every hour",
        ),
    ],
)  # fmt: skip
def test_where_clocks_change(expression, start, expected):
    assert ticks(cron(expression, BERLIN), start, len(expected)) == expected


@pytest.mark.parametrize("expression", ["30 2 * * *", "0,30 2 * * *", "*/7 * * * *", "0 2 * * * *"])
@pytest.mark.parametrize("day", ["2026-03-28", "2026-10-24"])
def test_no_tick_lies_in_the_past_whatever_instant_is_asked_about(expression, day):
    schedule, start = cron(expression, BERLIN), utc(f"{day}T22:00:00")
    asked = [start + minutes * 60 * SECOND for minutes in range(0, 600, 5)]
    found = [schedule.next_after(instant) for instant in asked]
    assert all(tick > instant for instant, tick in zip(asked, found, strict=True))
    assert all(later >= earlier for earlier, later in pairwise(found))


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("61 * * * *", "Its minute is '61'"),
        ("* 24 * * *", "Its hour is '24'"),
        ("* * 32 * *", "Its day-of-month is '32'"),
        ("* * * 13 *", "Its month is '13'"),
        ("* * * * 8", "Its day-of-week is '8'"),
        ("* * * * FOO", "Its day-of-week is 'FOO'"),
        ("* * * * * 60", "Its second is '60'"),
        ("*/0 * * * *", r"Its minute is '\*/0'"),
        ("* * * *", "a wrong number of fields: 4"),
        ("* * * * * * *", "a wrong number of fields: 7"),
        ("", "a wrong number of fields: 0"),
        ("@fortnightly", "Known are @yearly"),
        (5, "5 is a int"),
    ],
)
def test_a_bad_expression_is_refused_with_the_field_that_is_wrong(expression, complaint):
    with pytest.raises(BadOption, match=complaint) as caught:
        cron(expression)
    assert repr(expression) in str(caught.value) or expression == 5
    assert not isinstance(caught.value, NeverFires)


@pytest.mark.parametrize(
    "expression", ["0 0 30 2 *", "0 0 31 2,4,6 *", "0 0 30 2 * 0", "0 0 */30 * MON#3"]
)
def test_an_expression_without_ticks_is_refused_when_it_is_made(expression):
    with pytest.raises(NeverFires, match=re.escape(repr(expression))):
        cron(expression)


def test_the_end_of_the_calendar_is_the_end_of_the_ticks():
    with pytest.raises(NeverFires, match="no next tick"):
        cron("@yearly").next_after(utc("9999-06-01T00:00:00"))


@pytest.mark.parametrize("zone", ["Europe/Nowhere", "../etc/passwd", "", "Europe", 5, None])
def test_an_unknown_zone_is_refused(zone):
    with pytest.raises(BadOption, match="time zone"):
        cron("@daily", zone)


def test_the_seconds_have_two_places():
    with pytest.raises(BadOption, match="'middle' is neither"):
        cron("@daily", seconds="middle")


def test_all_aliases_are_expressions():
    assert [cron(alias) for alias in ALIASES] == [cron(text) for text in ALIASES.values()]
