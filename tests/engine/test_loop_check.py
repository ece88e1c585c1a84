"""Loops that cannot follow a clock are refused by name, and a real clock works on them."""

import asyncio
import selectors
import time
from unittest.mock import Mock

import pytest

from pytest_taskq.core.errors import WrongLoop
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.loop_check import check_loop
from pytest_taskq.engine.loop_time import LoopTime


class LoopWithATime(asyncio.SelectorEventLoop):
    def time(self):
        return 0.0


class OwnSelector(selectors.SelectSelector):
    pass


def with_a_time_of_its_own():
    loop = asyncio.SelectorEventLoop()
    loop.time = time.monotonic
    return loop


def with_the_time_of_another_loop():
    loop, other = asyncio.SelectorEventLoop(), asyncio.SelectorEventLoop()
    other.close()
    loop.time = other.time
    return loop


def with_a_selector_of_its_own():
    return asyncio.SelectorEventLoop(OwnSelector())


def with_a_patched_selector():
    loop = asyncio.SelectorEventLoop()
    select = loop._selector.select

    def timed(timeout):
        return select(timeout)

    loop._selector.select = timed
    return loop


class NoSelectorLoop(asyncio.BaseEventLoop):
    """In the place of uvloop's and of Windows' proactor: it waits without a selector."""


async def enter(mode):
    clock = Clock(mode)
    with clock.in_loop():
        await asyncio.sleep(0)
    return clock.mode


def run(make, mode):
    loop = make()
    try:
        return loop.run_until_complete(enter(mode))
    finally:
        loop.close()


MAKERS = {
    LoopWithATime: "LoopWithATime",
    with_a_time_of_its_own: "time.monotonic",
    with_the_time_of_another_loop: "BaseEventLoop.time",
    with_a_selector_of_its_own: "OwnSelector",
    with_a_patched_selector: "timed",
}


@pytest.mark.parametrize(("make", "name"), MAKERS.items())
def test_a_loop_that_cannot_follow_is_refused_by_name(make, name):
    with pytest.raises(WrongLoop, match=rf"cannot follow the clock.*{name}.*mode='real'"):
        run(make, "auto")


@pytest.mark.parametrize("make", MAKERS)
def test_a_real_clock_works_on_every_loop(make):
    assert run(make, "real") == "real"


def test_a_loop_may_have_a_class_with_a_patched_time(monkeypatch):
    monkeypatch.setattr(asyncio.BaseEventLoop, "time", Mock(side_effect=time.monotonic))
    assert run(asyncio.SelectorEventLoop, "auto") == "auto"


def test_a_loop_without_a_selector_is_refused_by_name():
    loop = NoSelectorLoop()
    try:
        with pytest.raises(WrongLoop, match="NoSelectorLoop"):
            check_loop(loop)
        with pytest.raises(WrongLoop, match="NoSelectorLoop"):
            LoopTime(loop, Clock("auto")).begin()
    finally:
        loop.close()
