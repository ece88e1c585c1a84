"""A signal reaches the worker's own handler, and nobody else's."""

import asyncio
import signal

import pytest

from pytest_taskq.core.errors import BadOption
from pytest_taskq.testing.workers import running

pytestmark = pytest.mark.asyncio


class Lighthouse:
    def __init__(self, handler="loop"):
        self.handler = handler
        self.dark = asyncio.Event()
        self.flashes = 0

    async def run(self):
        loop = asyncio.get_running_loop()
        if self.handler == "loop":
            loop.add_signal_handler(signal.SIGTERM, self.dark.set)
        elif self.handler == "signal":
            signal.signal(signal.SIGTERM, lambda *_: loop.call_soon_threadsafe(self.dark.set))
        loop.add_signal_handler(signal.SIGUSR1, self.flash)
        await self.dark.wait()

    def flash(self):
        self.flashes += 1

    def stop(self):
        self.dark.set()


@pytest.mark.parametrize("handler", ["loop", "signal"])
async def test_a_signal_stops_a_worker_that_handles_it(handler):
    before = signal.getsignal(signal.SIGTERM)
    async with running(Lighthouse(handler)) as w:
        w.signal("SIGTERM")
        await w.assert_stopped()
    assert signal.getsignal(signal.SIGTERM) == before


async def test_a_signal_may_mean_something_else():
    lighthouse = Lighthouse()
    async with running(lighthouse) as w:
        w.signal("SIGUSR1")
        await asyncio.sleep(0.001)
        assert lighthouse.flashes == 1
        assert not lighthouse.dark.is_set()
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL


async def test_a_signal_without_a_handler_is_not_sent():
    with pytest.raises(AssertionError) as caught:
        async with running(Lighthouse(handler=None)) as w:
            w.signal("SIGTERM")
    assert str(caught.value) == (
        "SIGTERM was not handled: the worker has set no handler for it. In its start it can call "
        "loop.add_signal_handler(signal.SIGTERM, ...)."
    )


async def test_a_handler_that_was_there_before_is_spared_and_there_again():
    heard = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append("ours"))
    try:
        async with running(Lighthouse()) as w:
            w.signal("SIGTERM")
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(AssertionError, match="SIGTERM was not handled"):
            async with running(Lighthouse(handler=None)) as w:
                w.signal("SIGTERM")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == ["ours"]


async def test_one_that_does_not_stop_at_the_signal_is_told():
    class Slow(Lighthouse):
        async def run(self):
            await super().run()
            await asyncio.sleep(60)

    with pytest.raises(
        AssertionError, match=r"^still running 0.03 s after SIGTERM: Slow.run waits"
    ):
        async with running(Slow(), within=0.03) as w:
            w.signal("SIGTERM")


@pytest.mark.parametrize("name", ["SIGKILL", "TERM", "SIG_DFL"])
async def test_what_no_worker_can_get_is_refused(name):
    with pytest.raises(BadOption, match=f"^There is no signal '{name}' to send"):
        async with running(Lighthouse()) as w:
            w.signal(name)
