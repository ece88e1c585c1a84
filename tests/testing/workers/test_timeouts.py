"""What should give up does, when it should, without anybody waiting for it."""

import asyncio

import pytest

from pytest_taskq.testing.workers import assert_times_out

pytestmark = pytest.mark.asyncio


async def fetch(seconds, timeout):  # noqa: ASYNC109 - as its author wrote it
    async with asyncio.timeout(timeout):
        await asyncio.sleep(seconds)
        return "page"


async def test_a_timeout_that_comes_passes():
    await assert_times_out(fetch(60, timeout=0.02), after=0.02)


@pytest.mark.taskq_time(mode="auto")
async def test_where_time_jumps_a_long_one_takes_no_time():
    await assert_times_out(fetch(7200, timeout=3600), after=3600)


async def test_an_answer_in_its_place_is_told(mode):
    with pytest.raises(AssertionError) as caught:
        await assert_times_out(fetch(0.03, timeout=1), after=1)
    unit = " (virtual)" if mode == "auto" else ""
    message = str(caught.value)
    assert message.startswith("expected a timeout after 1 s, it returned after 0.")
    assert message.endswith(f" s{unit}: it returned 'page'")


async def test_one_that_comes_early_is_told():
    with pytest.raises(AssertionError, match=r"^expected a timeout after 1 s, it came after 0\."):
        await assert_times_out(fetch(60, timeout=0.02), after=1)


async def test_another_error_is_told_and_is_the_cause():
    async def fails():
        raise KeyError("url")

    with pytest.raises(AssertionError, match=r"it raised KeyError after .*KeyError\('url'\)") as c:
        await assert_times_out(fails(), after=1)
    assert isinstance(c.value.__cause__, KeyError)


@pytest.mark.taskq_time(mode="auto")
async def test_one_that_does_not_come_is_told_and_ended():
    with pytest.raises(AssertionError) as caught:
        await assert_times_out(fetch(60, timeout=30), after=5)
    line = fetch.__code__.co_firstlineno + 2
    assert str(caught.value) == (
        "expected a timeout after 5 s, still running after 6 s (virtual): "
        f"fetch waits on sleep (test_timeouts.py:{line})"
    )
    assert len(asyncio.all_tasks()) == 1


async def test_another_error_may_be_the_sign():
    async def gives_up():
        try:
            await fetch(60, timeout=0.02)
        except TimeoutError:
            raise ConnectionError from None

    await assert_times_out(gives_up(), after=0.02, error=ConnectionError)
