"""The timers of the running loop follow the clock."""

import asyncio
import math
import time
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from pytest_taskq.core.errors import BadOption, WrongLoop
from pytest_taskq.engine.clock import Clock, give_way
from pytest_taskq.engine.freezer import FreezegunFreezer
from pytest_taskq.engine.loop_time import Background, LoopTime, call_real

pytestmark = pytest.mark.asyncio

MIDNIGHT = datetime(2031, 5, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)
SOON = 60  # real seconds that only a broken clock takes


@pytest.fixture
def clock():
    return Clock("auto", MIDNIGHT)


async def sleep_by_call_later(seconds):
    over = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(seconds, over.set_result, None)
    await over


async def sleep_by_wait_for(seconds):
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), seconds)


async def sleep_by_timeout(seconds):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()


async def sleep_by_move_on(seconds):
    with anyio.move_on_after(seconds) as scope:
        await anyio.sleep_forever()
    assert scope.cancelled_caught


@pytest.mark.parametrize(
    "sleep",
    [
        asyncio.sleep,
        anyio.sleep,
        sleep_by_call_later,
        sleep_by_wait_for,
        sleep_by_timeout,
        sleep_by_move_on,
    ],
)
async def test_every_way_to_wait_follows_the_clock(clock, sleep):
    before = time.perf_counter()
    with clock.in_loop():
        await sleep(3600)
    assert clock.time() == MIDNIGHT + HOUR
    assert time.perf_counter() - before < SOON


async def test_python_tells_the_hour_that_a_sleep_took():
    clock = Clock("auto", freezer=FreezegunFreezer())
    try:
        with clock.in_loop():
            await asyncio.sleep(1)
            before = datetime.now(UTC)
            await asyncio.sleep(3600)
            assert datetime.now(UTC) - before == HOUR
    finally:
        clock.close()


async def test_24_hourly_sleeps_end_at_midnight(clock):
    with clock.in_loop():
        for hour in range(1, 25):
            await asyncio.sleep(3600)
            assert clock.time() == MIDNIGHT + hour * HOUR


async def test_timers_fire_in_order_each_at_its_instant(clock):
    seen = []

    async def note(seconds):
        await asyncio.sleep(seconds)
        seen.append((seconds, (clock.time() - MIDNIGHT).total_seconds()))

    with clock.in_loop():
        await asyncio.gather(*(note(seconds) for seconds in (3, 0.5, 7200, 1, 3600)))
    assert seen == [(s, s) for s in (0.5, 1, 3, 3600, 7200)]


@pytest.mark.parametrize("mode", ["auto", "held"])
async def test_timers_of_one_instant_fire_in_the_order_in_which_they_were_made(mode):
    clock, woken = Clock(mode, MIDNIGHT), []

    async def sleep(number):
        await asyncio.sleep(0.05)
        woken.append(number)

    with clock.in_loop():
        everybody = asyncio.gather(*map(sleep, range(50)))
        if mode == "held":
            await clock.elapse(1)
        await everybody
    assert woken == list(range(50))


async def test_a_timer_without_an_instant_is_refused(clock):
    with clock.in_loop(), pytest.raises(TypeError, match="when cannot be None"):
        asyncio.get_running_loop().call_at(None, print)


async def test_code_that_never_waits_still_reaches_its_time_out(clock, monkeypatch):
    async def never_wait():
        while True:
            await give_way()

    monkeypatch.setattr("pytest_taskq.engine.loop_time.BUSY", 100)
    with clock.in_loop(), pytest.raises(TimeoutError):
        await asyncio.wait_for(never_wait(), 0.05)
    assert clock.time() - MIDNIGHT >= timedelta(seconds=0.05)


async def test_timers_fire_when_a_float_cannot_tell_their_microseconds(clock):
    with clock.in_loop():
        await asyncio.sleep(5_000 * 365 * 86_400)
        for _ in range(100):
            await asyncio.wait_for(asyncio.sleep(0.0001), 1)
    assert clock.time().year == 7028


@pytest.mark.parametrize("mode", ["held", "auto"])
async def test_what_would_elapse_beyond_the_calendar_is_refused_and_nothing_moves(mode):
    clock, seen = Clock(mode, MIDNIGHT), []
    with clock.in_loop():
        asyncio.get_running_loop().call_later(60, seen.append, 1)
        with pytest.raises(BadOption, match=r"year 9999.*stands at 2031-05-04T00"):
            await clock.elapse(days=3_000_000)
        assert (clock.time(), seen) == (MIDNIGHT, [])


@pytest.mark.parametrize("seconds", [1e12, 1e300, 1.7e308, float("inf")])
async def test_a_timer_beyond_the_calendar_never_fires(clock, seconds):
    with clock.in_loop():
        asyncio.get_running_loop().call_later(seconds, pytest.fail, "fired")
        assert clock.next_timer() is None
        await asyncio.sleep(3600)
        end = datetime.max.replace(tzinfo=UTC)
        assert await clock.elapse(end - clock.time()) == end


async def test_a_held_clock_moves_by_elapse_only_and_stops_at_each_timer_on_the_way():
    clock, seen = Clock("held", MIDNIGHT), []

    async def job():
        for _ in range(3):
            await asyncio.sleep(600)
            seen.append(clock.time() - MIDNIGHT)

    with clock.in_loop():
        running = asyncio.create_task(job())
        await clock.settle()
        assert clock.next_timer() == MIDNIGHT + timedelta(minutes=10)
        await clock.elapse(minutes=25)
        assert seen == [timedelta(minutes=10), timedelta(minutes=20)]
        assert clock.time() == MIDNIGHT + timedelta(minutes=25)
        await clock.elapse(minutes=5)
        assert running.done()
    assert clock.time() == MIDNIGHT + timedelta(minutes=30)


async def test_an_advance_lets_what_is_due_fire_once_the_test_waits():
    clock = Clock("held", MIDNIGHT)
    with clock.in_loop():
        running = asyncio.create_task(asyncio.sleep(600))
        await clock.settle()
        clock.advance(minutes=10)
        assert not running.done()
        await clock.settle()
        assert running.done()


async def test_the_next_timer_is_told_and_one_that_is_cancelled_is_not(clock):
    loop = asyncio.get_running_loop()
    with clock.in_loop():
        assert clock.next_timer() is None
        first, _ = loop.call_later(1, print), loop.call_later(2, list)
        assert clock.next_timer() == MIDNIGHT + timedelta(seconds=1)
        first.cancel()
        assert clock.next_timer() == MIDNIGHT + timedelta(seconds=2)


async def test_time_does_not_jump_in_a_hold_and_flows_meanwhile(clock):
    with clock.in_loop():
        with clock.hold("the printer answers"):
            before = time.perf_counter()
            await asyncio.sleep(0.05)
            assert time.perf_counter() - before > 0.04
        await asyncio.sleep(3600)
    assert MIDNIGHT + HOUR < clock.time() < MIDNIGHT + HOUR + timedelta(seconds=SOON)


async def test_a_timer_that_is_left_has_still_as_long_to_go(clock):
    loop = asyncio.get_running_loop()
    real = loop.time()
    with clock.in_loop():
        await asyncio.sleep(3600)
        timer = loop.call_later(90, print)
        soon = asyncio.create_task(sleep_by_call_later(0.02))
        await clock.settle()
    assert 0 <= loop.time() - real < SOON
    assert 90 - SOON < timer.when() - loop.time() <= 90
    await asyncio.wait_for(soon, SOON)
    timer.cancel()


async def test_a_real_call_that_is_left_is_still_made(clock):
    made, not_made = asyncio.Event(), []
    with clock.in_loop():
        call_real(0.01, made.set)
        call_real(0.01, lambda: not_made.append(1)).cancel()
    await asyncio.wait_for(made.wait(), SOON)
    assert not_made == []


async def test_the_loop_is_left_as_it_was(clock):
    loop = asyncio.get_running_loop()
    before = dict(vars(loop)), dict(vars(loop._selector)), type(loop._transports)
    with clock.in_loop(), clock.in_loop():
        assert LoopTime.present().clock is clock
    after = dict(vars(loop)), dict(vars(loop._selector)), type(loop._transports)
    assert {**before[0], "_ready": None} == {**after[0], "_ready": None}
    assert before[1:] == after[1:]
    assert LoopTime.of(loop) is None


async def test_a_patch_that_is_taken_off_again_leaves_the_loop_as_it_was(clock):
    loop = asyncio.get_running_loop()
    with clock.in_loop():
        loop.run_in_executor = None
        del loop.run_in_executor
    assert not {"run_in_executor", "create_future", "time"} & vars(loop).keys()
    assert LoopTime.of(loop) is None


async def test_it_stays_until_the_last_user_has_left(clock):
    with clock.in_loop():
        with clock.in_loop():
            await asyncio.sleep(3600)
        await asyncio.sleep(3600)
    assert clock.time() == MIDNIGHT + 2 * HOUR


async def test_two_clocks_cannot_move_one_loop(clock):
    with (
        clock.in_loop(),
        pytest.raises(WrongLoop, match="Use one clock"),
        Clock("auto").in_loop(),
    ):
        pass


async def test_nothing_but_a_stuck_test_is_called_stuck():
    clock, stuck = Clock("auto", MIDNIGHT, stuck_after=0.05), asyncio.Event()
    with clock.in_loop(stuck=lambda _: stuck.set()):
        await asyncio.sleep(3600)
        await asyncio.to_thread(time.sleep, 0.1)
        assert not stuck.is_set()
        await stuck.wait()


async def test_a_wait_beyond_the_calendar_lets_no_time_pass_for_the_background():
    clock, stuck = Clock("auto", MIDNIGHT, stuck_after=0.05), asyncio.Event()
    with clock.in_loop(stuck=lambda _: stuck.set()):
        asyncio.get_running_loop().call_later(3600, Background(stuck.clear))
        waiting = asyncio.create_task(asyncio.sleep(math.inf))
        await stuck.wait()
        waiting.cancel()
    assert clock.time() == MIDNIGHT
