"""Instants and lengths of time as people read them."""

import doctest

import pytest

from pytest_taskq.testing import redact, text
from pytest_taskq.testing.text import Times, in_one_line, length_text, plural

SECOND = 1_000_000
DAY = 86_400 * SECOND


@pytest.mark.parametrize("module", [text, redact])
def test_the_examples_in_its_words_are_true(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("micros", "shown"),
    [
        (0, "0 s"),
        (0.2, "0.2 us"),
        (999, "999 us"),
        (999_999, "1 s"),
        (2 * SECOND, "2 s"),
        (59_999_999, "1 min"),
        (60 * SECOND, "1 min"),
        (3_600 * SECOND, "1 h"),
        (14 * DAY, "14 d"),
        (14 * DAY + 5 * SECOND, "14 d"),
        (-90 * SECOND, "-1 min 30 s"),
    ],
)
def test_a_length_has_its_two_largest_units(micros, shown):
    assert length_text(micros) == shown


def test_all_instants_of_a_text_have_one_form():
    assert Times([0, SECOND]).text(SECOND) == "00:00:01"
    assert Times([0, SECOND]).width == 8
    assert Times([0, SECOND + 1]).text(SECOND) == "00:00:01.000"
    assert Times([0, SECOND + 1]).width == 12


def test_an_instant_of_another_day_has_its_date():
    assert Times([0]).text(DAY, 0) == "1970-01-02 00:00:00"
    assert Times([0]).text(SECOND, 0) == "00:00:01"


def test_what_is_counted_has_its_number():
    assert plural(0, "job") == "0 jobs"


@pytest.mark.parametrize(
    ("value", "shown"), [("a\nb", "'a\\nb'"), (None, "None"), ("x" * 200, "'" + "x" * 96 + "...")]
)
def test_a_value_in_one_line(value, shown):
    assert in_one_line(value) == shown
    assert in_one_line("real\nsecond", str) == "real"
