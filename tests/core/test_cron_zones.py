"""Where clocks change, ticks are those of a reference that looks at every minute of the zone."""

import re
import sys
import zoneinfo
from bisect import bisect_right
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from pytest_taskq.core.errors import BadOption, NeverFires
from pytest_taskq.core.instants import to_datetime, to_instant
from pytest_taskq.core.schedule import cron

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
CHANGES = 2
"""How many gaps and how many repeated hours of each zone are looked at."""

ZONES = [
    "Africa/Cairo",
    "Africa/Casablanca",
    "Africa/Monrovia",
    "America/Caracas",
    "America/Havana",
    "America/New_York",
    "America/Nuuk",
    "America/Phoenix",
    "America/Sao_Paulo",
    "America/Scoresbysund",
    "America/St_Johns",
    "Antarctica/Troll",
    "Antarctica/Vostok",
    "Asia/Amman",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Pyongyang",
    "Asia/Tehran",
    "Asia/Tokyo",
    "Australia/Adelaide",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Europe/Dublin",
    "Europe/Istanbul",
    "Europe/Lisbon",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Pacific/Kwajalein",
]


def shown(zone, start, end, step):
    """Instants with a whole minute on the wall, that minute, and whether it was never there before.

    In between come the minutes that the clock leaves out, at the instant when it is seen.
    """
    found, latest, left_out, wall = [], None, [], None
    while start < end:
        wall = start.astimezone(zone).replace(tzinfo=None, fold=0)
        if latest is not None and wall > latest + step:
            minute = latest.replace(second=0) + MINUTE
            left_out = [minute + n * MINUTE for n in range(-((minute - wall) // MINUTE))]
        new = latest is None or wall > latest
        latest = wall if new else latest
        if wall.second == 0:
            instant = to_instant(start)
            found += [(instant, time, "left out") for time in left_out if time != wall]
            found.append((instant, wall, "new" if new else "again"))
            left_out = []
        start += step
    return found


def reference(job, minutes_shown):
    """The instants of a job's ticks, by its rule."""
    _, minutes, hours, fixed = job
    counted = {"new", "left out"} if fixed else {"new", "again"}
    return sorted(
        {
            instant
            for instant, wall, how in minutes_shown
            if wall.minute in minutes and wall.hour in hours and how in counted
        }
    )


@cache
def changes(name):
    """The instants when the zone's offset changes from 1970 to 2037, and by how much."""
    zone, found = ZoneInfo(name), []
    low = datetime(1970, 1, 1, tzinfo=UTC)
    while low.year < 2038:
        high = low + timedelta(days=5)
        if offset(zone, low) != offset(zone, high):
            found.append(narrowed(zone, low, high))
        low = high
    return found


def narrowed(zone, low, high):
    before = offset(zone, low)
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        middle -= timedelta(microseconds=middle.microsecond)
        low, high = (middle, high) if offset(zone, middle) == before else (low, middle)
    return high, offset(zone, high) - before


def offset(zone, instant):
    return instant.astimezone(zone).utcoffset()


def chosen(name):
    """Some gaps and some repeated hours of a zone, spread over the years."""
    every = changes(name)
    for kind in (
        [change for change in every if change[1] > timedelta()],
        [change for change in every if change[1] < timedelta()],
    ):
        yield from kind[:: max(1, -(-len(kind) // CHANGES))]


def jobs(wall):
    """Expressions about an hour of the day, as: text, minutes, hours, whether times are fixed."""
    hour, before, after = wall.hour, (wall.hour - 1) % 24, (wall.hour + 1) % 24
    always = range(24)
    return [
        ("*/11 * * * *", range(0, 60, 11), always, False),
        ("45 * * * *", [45], always, False),
        ("0 */2 * * *", [0], range(0, 24, 2), False),
        (f"*/15 {hour} * * *", range(0, 60, 15), [hour], False),
        (f"*/20 {before},{after} * * *", range(0, 60, 20), [before, after], False),
        (f"5 {hour} * * * 0", [5], [hour], False),
        (f"30 {hour} * * *", [30], [hour], True),
        (f"0,10,59 {before},{hour} * * *", [0, 10, 59], [before, hour], True),
        (f"0 {hour},{after} * * *", [0], [hour, after], True),
        ("@daily", [0], [0], True),
        ("1-59/9 0-23 * * *", range(1, 60, 9), always, True),
    ]


@pytest.mark.parametrize("name", ZONES)
def test_around_each_change_of_the_clocks_the_ticks_are_those_of_the_reference(name):
    zone = ZoneInfo(name)
    quiet = (datetime(2037, 6, 15, 1, tzinfo=UTC), timedelta())
    for change, shift in [*chosen(name), quiet]:
        around = change.replace(second=0)
        start, end = around - 110 * MINUTE, around + 110 * MINUTE + min(abs(shift), 2 * HOUR)
        step = timedelta(seconds=30) if shift % MINUTE else MINUTE
        minutes_shown = shown(zone, start, end, step)
        for job in jobs((change - 20 * MINUTE).astimezone(zone) + max(shift, timedelta()) / 2):
            expected = reference(job, minutes_shown)
            assert walked(job[0], zone, start, end) == expected, (job[0], change)
            check_asked_from_anywhere(cron(job[0], zone), expected, start)


def walked(expression, zone, start, end):
    """The ticks of a stretch, each asked for from the one before."""
    schedule, end = cron(expression, zone), to_instant(end)
    found = [schedule.next_after(to_instant(start) - 1)]
    while found[-1] < end:
        found.append(schedule.next_after(found[-1]))
    return found[:-1]


def check_asked_from_anywhere(schedule, expected, start):
    """Every twentieth minute or so, and at seconds that are none of a tick."""
    if not expected:
        return
    first, last = to_instant(start), expected[-1]
    for instant in range(first, last, 1_397_000_001):
        assert schedule.next_after(instant) == expected[bisect_right(expected, instant)]


# One change each that cronsim, told of the zone, gets wrong: by half an hour, or at midnight.
@pytest.mark.parametrize(
    ("expression", "zone", "start", "expected"),
    [
        pytest.param(
            "45 * * * *", "Australia/Lord_Howe", "2026-10-04T01:00+10:30",
            ["01:45+10:30", "02:45+11:00", "03:45+11:00"],
            id="an hourly job has its tick in the hour of a gap of 30 minutes",
        ),
        pytest.param(
            "45 * * * *", "Australia/Lord_Howe", "2026-04-05T01:00+11:00",
            ["01:45+11:00", "01:45+10:30", "02:45+10:30"],
            id="and two in the hour of which 30 minutes are repeated",
        ),
        pytest.param(
            "*/30 3 * * *", "Australia/Lord_Howe", "2026-10-04T00:00+10:30",
            ["03:00+11:00", "03:30+11:00"],
            id="an hour after that gap is whole",
        ),
        pytest.param(
            "*/30 1 4 11 *", "America/Sao_Paulo", "2018-11-01T12:00-03:00",
            ["01:00-02:00", "01:30-02:00", "01:00-03:00"],
            id="an hour after a gap at midnight is whole too",
        ),
        pytest.param(
            "*/59 * 29 * *", "America/St_Johns", "2000-10-29T00:00-02:30",
            ["00:00-03:30", "00:59-03:30"],
            id="midnight comes twice, a minute before the clock goes back to the eve",
        ),
    ],
)  # fmt: skip
def test_a_change_by_half_an_hour_or_at_midnight(expression, zone, start, expected):
    schedule, instant, found = cron(expression, zone), to_instant(datetime.fromisoformat(start)), []
    for _ in expected:
        instant = schedule.next_after(instant)
        found.append(to_datetime(instant).astimezone(ZoneInfo(zone)).isoformat()[11:])
    assert [text.replace(":00+", "+").replace(":00-", "-") for text in found] == expected


@pytest.mark.parametrize(
    ("expression", "zone", "before", "expected"),
    [
        ("30 2 * * *", "Pacific/Apia", "2011-12-29", ["29 02:30", "31 00:00", "31 02:30"]),
        ("0 9 * * FRI", "Pacific/Apia", "2011-12-24", ["31 00:00", "06 09:00"]),
        ("*/30 12 * * FRI", "Pacific/Apia", "2011-12-24", ["06 12:00", "06 12:30"]),
        ("0 3 30 12 *", "Pacific/Kiritimati", "1994-12-31", ["30 03:00", "30 03:00"]),
        ("15 0 * * *", "America/Havana", "2026-03-08", ["08 01:00", "09 00:15"]),
        ("15 0 * * *", "America/Havana", "2026-11-01", ["01 00:15", "02 00:15"]),
        ("0 0 29 2 *", "Europe/Berlin", "1999-01-01", ["29 00:00", "29 00:00"]),
        ("0 0 31 * *", "Asia/Kathmandu", "1985-12-30", ["31 00:00", "31 00:00", "31 00:00"]),
        ("0 0 L * *", "Asia/Tehran", "2022-02-01", ["28 00:00", "31 00:00", "30 00:00"]),
        ("0 8 LW * *", "Pacific/Chatham", "2026-05-01", ["29 08:00", "30 08:00", "31 08:00"]),
        ("0 8 * * FRI#2", "Africa/Casablanca", "2026-02-01", ["13 08:00", "13 08:00"]),
        ("0 8 * * 5L", "Europe/Istanbul", "2016-08-20", ["26 08:00", "30 08:00", "28 08:00"]),
        ("0 8 1 * MON", "America/Caracas", "2016-05-24", ["30 08:00", "01 08:00", "06 08:00"]),
        ("0 8 */2 * MON", "America/Caracas", "2016-05-24", ["13 08:00", "27 08:00"]),
    ],
)  # fmt: skip
def test_days_are_those_of_the_zones_calendar(expression, zone, before, expected):
    place = ZoneInfo(zone)
    instant = to_instant(datetime.fromisoformat(before).replace(tzinfo=place)) - 1
    found = [instant]
    for _ in expected:
        found.append(cron(expression, zone).next_after(found[-1]))
    shown_days = [f"{to_datetime(tick).astimezone(place):%d %H:%M}" for tick in found[1:]]
    assert shown_days == expected
    assert all(later > earlier for earlier, later in pairwise(found))


def test_utc_knows_no_change():
    for day in ("2026-03-29", "2026-10-25"):
        start = datetime.fromisoformat(day).replace(tzinfo=UTC)
        minutes_shown = shown(UTC, start, start + 4 * HOUR, MINUTE)
        for job in jobs(start + 2 * HOUR):
            expected = reference(job, minutes_shown)
            assert walked(job[0], UTC, start, start + 4 * HOUR) == expected, job[0]


def test_a_job_of_every_second_walks_through_both_passes_of_an_hour():
    schedule, berlin = cron("* * * * * *", "Europe/Berlin"), ZoneInfo("Europe/Berlin")
    change = to_instant(datetime(2026, 10, 25, 1, tzinfo=UTC))
    for instant in (change - 3_600_000_000, change - 1_000_000, change, change + 3_599_000_000):
        assert schedule.next_after(instant) == instant + 1_000_000, to_datetime(instant)
        assert schedule.next_after(instant - 1) == instant
    assert to_datetime(change).astimezone(berlin).fold == 1


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Pacific/Apia", "America/St_Johns"])
@pytest.mark.parametrize("expression", ["0 0 30 2 *", "*/5 * 31 4,6 *", "0 0 30 2 * */9"])
def test_what_never_fires_is_refused_at_once(expression, zone):
    with pytest.raises(NeverFires, match=re.escape(repr(expression))):
        cron(expression, zone)


def test_a_zone_of_pytz_is_taken_by_its_name():
    class Localizing(tzinfo):
        """Without ``localize`` it tells the local mean time of long ago, as those of pytz do."""

        zone = "Europe/Berlin"

        def utcoffset(self, when):
            return timedelta(minutes=53)

        def localize(self, when):
            return when

    assert cron("30 4 * * *", Localizing()) == cron("30 4 * * *", "Europe/Berlin")


def test_where_there_are_no_zones_at_all_the_error_says_what_to_install(monkeypatch):
    for name in ["tzdata", *(name for name in sys.modules if name.startswith("tzdata."))]:
        monkeypatch.setitem(sys.modules, name, None)
    zoneinfo.reset_tzpath(to=())
    # Not those of other tests: two objects of one zone do not compare equal in a repeated hour.
    ZoneInfo.clear_cache(only_keys=["America/Port_of_Spain"])
    try:
        with pytest.raises(BadOption, match="install tzdata"):
            cron("@daily", "America/Port_of_Spain")
        assert cron("@daily", "UTC").zone is UTC
    finally:
        zoneinfo.reset_tzpath()
