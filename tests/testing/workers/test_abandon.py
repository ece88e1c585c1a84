"""A worker that takes no cancellation fails its test, and hangs nothing."""

import asyncio
from contextlib import suppress

import pytest

from pytest_taskq.engine.clock import Clock
from pytest_taskq.testing.workers import (
    assert_times_out,
    cancel_and_check,
    cancel_at_every_await,
    running,
)


class Deaf:
    """Goes on, whatever it is told."""

    deaf_to = asyncio.CancelledError

    async def run(self):
        while True:
            with suppress(self.deaf_to):
                await asyncio.Event().wait()

    def stop(self): ...


class DeafToAll(Deaf):
    deaf_to = BaseException


@pytest.mark.parametrize("worker", [Deaf, DeafToAll])
def test_the_end_of_the_loop_does_not_wait_for_it(worker):
    async def runs():
        with Clock("auto").in_loop():
            async with running(worker()):
                pass

    with pytest.raises(AssertionError) as caught:
        asyncio.run(runs())
    waits = r"Deaf.run waits on Event.wait \(test_abandon\.py:\d+\)"
    assert caught.match(rf"^still running 5 s after stop\(\): {waits}")
    (note,) = caught.value.__notes__
    assert note.startswith("It takes no cancellation either, and was left behind: Deaf.run waits")


def test_it_is_told_also_where_the_test_has_stopped_looking():
    async def runs():
        with Clock("auto").in_loop():
            async with running(Deaf()) as w:
                with pytest.raises(AssertionError):
                    await w.stop()

    with pytest.raises(AssertionError, match="the worker has not ended"):
        asyncio.run(runs())


CHECKS = {
    "cleanup still pending 5 s after": lambda: cancel_and_check(Deaf().run()),
    "cancelled at await 1 of 1 .*: cleanup still pending": lambda: cancel_at_every_await(at_once),
    "expected a timeout after 1 s, still": lambda: assert_times_out(Deaf().run(), after=1),
}


async def at_once():
    try:
        await asyncio.sleep(1)
    except asyncio.CancelledError:
        await Deaf().run()


@pytest.mark.parametrize("message", CHECKS)
def test_nor_does_it_after_a_check(message):
    async def runs():
        with Clock("auto").in_loop():
            await CHECKS[message]()

    with pytest.raises(AssertionError, match=f"^{message}") as caught:
        asyncio.run(runs())
    (note,) = caught.value.__notes__
    assert note.startswith("It takes no cancellation either, and was left behind: ")


def test_what_never_ends_and_takes_no_cancellation_cannot_be_tried_again_and_again():
    async def runs():
        with Clock("auto").in_loop():
            await cancel_at_every_await(Deaf().run)

    told = "^it takes no cancellation, and was left behind: Deaf.run waits on Event.wait"
    with pytest.raises(AssertionError, match=told):
        asyncio.run(runs())
