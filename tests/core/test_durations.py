"""Durations as people write them are exact, and one that can mean two things is refused."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_taskq.core.durations import to_step
from pytest_taskq.core.errors import BadOption

SECOND = 1_000_000
HOUR = 3_600 * SECOND


@pytest.mark.parametrize(
    ("by", "micros"),
    [
        (0, 0),
        (90, 90 * SECOND),
        (0.25, 250_000),
        (timedelta(days=14, microseconds=1), 14 * 24 * HOUR + 1),
        ("14d", 14 * 24 * HOUR),
        ("2w", 14 * 24 * HOUR),
        ("1h30m", HOUR + 30 * 60 * SECOND),
        ("1h 30m", HOUR + 30 * 60 * SECOND),
        (" 1 h ", HOUR),
        ("1.5h", HOUR + 30 * 60 * SECOND),
        ("5s", 5 * SECOND),
        ("5ms", 5_000),
        ("5m", 5 * 60 * SECOND),
        ("1m5ms", 60 * SECOND + 5_000),
        ("7us", 7),
        ("0s", 0),
        ("0.1s0.2s", 300_000),
    ],
)
def test_a_duration_is_exact_in_every_form(by, micros):
    assert to_step("advance", by, {}) == micros


@pytest.mark.parametrize(
    ("units", "micros"),
    [
        ({"hours": 1, "minutes": 30}, HOUR + 30 * 60 * SECOND),
        ({"weeks": 1, "days": -7}, 0),
        ({"milliseconds": 1, "microseconds": 1}, 1_001),
    ],
)
def test_units_are_those_of_timedelta(units, micros):
    assert to_step("advance", None, units) == micros


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "h",
        "14",
        "14 days",
        "1H",
        "-1h",
        "1h-1m",
        "1h,30m",
        "1.h",
        ".5h",
        "1e3s",
        "٣s",
        "1y",
    ],
)
def test_a_text_that_cannot_be_read_is_shown_and_corrected(text):
    with pytest.raises(BadOption) as caught:
        to_step("elapse", text, {})
    assert str(caught.value).startswith("elapse() cannot read this duration.")
    assert repr(text) in str(caught.value)
    assert '"1h30m"' in str(caught.value)


@pytest.mark.parametrize(
    ("by", "units", "found"),
    [(None, {}, "none"), (1, {"hours": 1}, "two"), ("1s", {"hours": 0}, "two")],
)
def test_one_duration_is_needed(by, units, found):
    with pytest.raises(BadOption, match=rf"advance\(\) needs one duration. It was given {found}."):
        to_step("advance", by, units)


@pytest.mark.parametrize(
    "units", [{"months": 1}, {"hours": "1"}, {"days": float("nan")}, {"weeks": 1e300}]
)
def test_units_that_can_mean_nothing_are_shown(units):
    (name,) = units
    with pytest.raises(BadOption, match=rf"It was given {name}="):
        to_step("advance", None, units)


@pytest.mark.parametrize(
    ("by", "units"),
    [(-1, {}), (timedelta(microseconds=-1), {}), (None, {"hours": -1}), (float("inf"), {})],
)
def test_time_goes_forward_by_a_finite_step(by, units):
    with pytest.raises(BadOption):
        to_step("advance", by, units)


def test_a_text_beyond_every_calendar_is_refused_as_too_long():
    with pytest.raises(BadOption):
        to_step("advance", "9999999999999w", {})


@given(st.integers(0, 10**15))
def test_every_microsecond_can_be_written(micros):
    seconds, rest = divmod(micros, SECOND)
    assert to_step("advance", f"{seconds}s{rest}us", {}) == micros
    assert to_step("advance", f"{seconds}.{rest:06}s", {}) == micros
