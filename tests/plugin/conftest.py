"""Real pytest runs, each in a process of its own."""

import re

import pytest

SHOP = """
import asyncio
from datetime import timedelta
from unittest.mock import ANY

import pytest
from dirty_equals import IsPositiveInt

from pytest_taskq import job
from pytest_taskq.docket import Retry

pytestmark = pytest.mark.taskq_time("2030-01-01")


async def charge(cart_id, card=None, cents=1299, retry=Retry(attempts=2)):
    if cart_id == 0:
        raise LookupError("no such cart")


async def receipt(cart_id, text=""): ...


@pytest.fixture(autouse=True)
def shop(docket):
    docket.register(charge)
    docket.register(receipt)
"""


@pytest.fixture
def run(pytester):
    """Run pytest in a process of its own on the given test module; hands out the result."""

    def run(text, *options, ini=""):
        pytester.makeini(
            "[pytest]\nfilterwarnings = error\nasyncio_default_fixture_loop_scope = function\n"
            + ini
        )
        pytester.makepyfile(text)
        return pytester.runpytest_subprocess(
            "-p", "no:cacheprovider", "-p", "no:randomly", *options, timeout=60
        )

    return run


@pytest.fixture
def run_files(pytester):
    """Run pytest in a process of its own; hands out the result."""

    def run(*options, **files):
        pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
        if files:
            pytester.makepyfile(**files)
        return pytester.runpytest_subprocess(
            "-p", "no:cacheprovider", "-p", "no:randomly", *options, timeout=60
        )

    return run


@pytest.fixture
def check(run_files):
    """Run tests that all fail, in a shop; check the error of each, all of its lines under 100.

    A sentence that says what to write is one line, ``widest``.
    """

    def check(tests, expected, widest=96):
        result = run_files("--show-capture=no", "--tb=short", test_it=SHOP + tests)
        lines = [""]
        for line in result.outlines:
            if title := re.fullmatch(r"_+ (test_\w+) _+", line):
                lines += ["", f"{title[1]}:"]
            elif line.startswith("E   "):
                lines.append(line.removeprefix("E   "))
        assert "\n".join(lines[1:]) + "\n" == expected
        assert [line for line in lines if len(line) > widest] == []

    return check
