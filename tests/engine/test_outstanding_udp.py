"""Datagrams hold time where an answer to them may come, and only there."""

import asyncio
import contextlib
import socket
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from pytest_taskq.engine.loop_time import LoopTime

pytestmark = [pytest.mark.asyncio, pytest.mark.filterwarnings("error")]

MIDNIGHT = datetime(2031, 5, 4, tzinfo=UTC)
LATE = timedelta(seconds=3)


@pytest.fixture
def far():
    """A socket of somebody else's, which a thread answers 0.1 s late but for ``never``."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))

        def answer():
            while (asked := other.recvfrom(100))[0]:
                if asked[0] != b"never":
                    time.sleep(0.1)
                    other.sendto(*asked)

        thread = threading.Thread(target=answer)
        thread.start()
        yield other.getsockname()
        other.sendto(b"", other.getsockname())
        thread.join()


class Asks(asyncio.DatagramProtocol):
    def __init__(self):
        self.heard = asyncio.Queue()

    def datagram_received(self, data, addr):
        self.heard.put_nowait((data, addr))


@contextlib.asynccontextmanager
async def opened(protocol=Asks, **where):
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        protocol, **where
    )
    try:
        yield transport, protocol
    finally:
        transport.close()
        await asyncio.sleep(0)


@pytest.mark.parametrize("connected", [True, False])
async def test_an_answer_is_waited_for(clock, far, connected):
    where = {"remote_addr": far} if connected else {"family": socket.AF_INET}
    with clock.in_loop():
        async with opened(**where) as (transport, asks):
            for _ in range(2):
                transport.sendto(b"x", None if connected else far)
                assert await asyncio.wait_for(asks.heard.get(), 5) == (b"x", far)
            assert clock.time() - MIDNIGHT < LATE
            await asyncio.sleep(3600)
            assert clock.time() - MIDNIGHT < timedelta(hours=1) + LATE


async def test_an_endpoint_opened_before_is_watched_and_then_left_alone(clock, far):
    async with opened(remote_addr=far) as (transport, asks):
        with clock.in_loop():
            transport.sendto(b"x")
            assert await asyncio.wait_for(asks.heard.get(), 5)
            assert clock.time() - MIDNIGHT < LATE
        assert "sendto" not in vars(transport)


async def test_who_does_not_listen_expects_no_answer(clock, far):
    before = time.perf_counter()
    with clock.in_loop():
        async with opened(asyncio.DatagramProtocol, remote_addr=far) as (transport, _):
            for _ in range(10):
                transport.sendto(b"never")
                await asyncio.sleep(3600)
    assert time.perf_counter() - before < 3


async def test_a_datagram_that_is_lost_is_waited_for_so_long_and_named(clock, far):
    with clock.in_loop():
        LoopTime.present().real.silence = 0.1
        async with opened(remote_addr=far) as (transport, _):
            transport.sendto(b"never")
            with pytest.warns(RuntimeWarning, match=r"an answer from .*127.* to Asks"):
                await asyncio.sleep(3600)
            transport.sendto(b"never")
            await asyncio.sleep(3600)


async def test_a_peer_in_the_same_loop_may_sleep_before_it_answers(clock):
    before = time.perf_counter()
    with clock.in_loop():
        async with (
            opened(local_addr=("127.0.0.1", 0)) as (there, serves),
            opened(remote_addr=there.get_extra_info("sockname")) as (here, asks),
        ):
            here.sendto(b"x")
            data, address = await serves.heard.get()
            await asyncio.sleep(3600)
            there.sendto(data, address)
            assert (await asks.heard.get())[0] == b"x"
    assert time.perf_counter() - before < 3
    assert clock.time() - MIDNIGHT < timedelta(hours=1) + LATE


async def test_who_answers_expects_no_answer(clock):
    with clock.in_loop(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        async with opened(local_addr=("127.0.0.1", 0)) as (there, serves):
            other.sendto(b"x", there.get_extra_info("sockname"))
            data, address = await asyncio.wait_for(serves.heard.get(), 5)
            there.sendto(data, address)
            before = time.perf_counter()
            await asyncio.sleep(3600)
            assert time.perf_counter() - before < 3
