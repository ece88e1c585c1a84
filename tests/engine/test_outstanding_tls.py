"""A connection with TLS holds time for what its peer owes, and for nothing that it does not."""

import asyncio
import contextlib
import socket
import threading
import time
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from pytest_taskq.engine.loop_time import LoopTime
from support.tls import client_context, server_context

pytestmark = [pytest.mark.asyncio, pytest.mark.filterwarnings("error")]

MIDNIGHT = datetime(2031, 5, 4, tzinfo=UTC)
LATE = timedelta(seconds=3)


class SlowServer:
    """Takes 0.1 s for the handshake, for each answer but to ``never`` and for the end, in a thread.

    A client that says ``plain`` first is answered so, and begins TLS then.
    """

    def __init__(self, listener):
        self._listener = listener
        self.address = listener.getsockname()
        self._context = server_context()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                line = self._listener.accept()[0]
                threading.Thread(target=self._answer, args=[line], daemon=True).start()

    def _answer(self, line):
        with contextlib.suppress(OSError):
            if line.recv(5, socket.MSG_PEEK) == b"plain":
                line.sendall(line.recv(100))
            time.sleep(0.1)
            with self._context.wrap_socket(line, server_side=True) as secret:
                while asked := secret.recv(100):
                    if asked.strip() != b"never":
                        time.sleep(0.1)
                        secret.sendall(asked)
                time.sleep(0.1)
                secret.unwrap()


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = SlowServer(listener)
        threading.Thread(target=server.serve, daemon=True).start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)


async def converse(reader, writer):
    for text in (b"one\n", b"two\n"):
        writer.write(text)
        assert await asyncio.wait_for(reader.readline(), 5) == text


async def test_handshake_answers_and_end_are_waited_for(clock, server):
    with clock.in_loop():
        reader, writer = await asyncio.wait_for(
            asyncio.open_connection(*server.address, ssl=client_context()), 5
        )
        await converse(reader, writer)
        assert clock.time() - MIDNIGHT < LATE
        before = time.perf_counter()
        await asyncio.sleep(3600)
        assert time.perf_counter() - before < 3
        writer.close()
        await asyncio.wait_for(writer.wait_closed(), 5)
        assert clock.time() - MIDNIGHT < timedelta(hours=1) + LATE


@pytest.mark.parametrize("before", [True, False])
async def test_a_connection_that_begins_plain_is_waited_for_too(clock, server, before):
    reader, writer = await asyncio.open_connection(*server.address)
    with clock.in_loop() if not before else contextlib.nullcontext():
        writer.write(b"plain\n")
        await asyncio.wait_for(reader.readline(), 5)
        await asyncio.wait_for(writer.start_tls(client_context()), 5)
        if not before:
            await converse(reader, writer)
    with clock.in_loop():
        await converse(reader, writer)
        assert clock.time() - MIDNIGHT < LATE
        await asyncio.sleep(3600)
        writer.close()
        await asyncio.wait_for(writer.wait_closed(), 5)


async def test_tls_of_anyio_is_waited_for_too(clock, server):
    with clock.in_loop():
        stream = await anyio.connect_tcp(
            *server.address, ssl_context=client_context(), tls_standard_compatible=False
        )
        async with stream:
            for text in (b"one", b"two"):
                with anyio.fail_after(5):
                    await stream.send(text)
                    assert await stream.receive() == text
            assert clock.time() - MIDNIGHT < LATE
            before = time.perf_counter()
            await anyio.sleep(3600)
            await stream.send(b"never")
            await anyio.sleep(3600)
            assert time.perf_counter() - before < 3


async def asks_with_asyncio(address):
    reader, writer = await asyncio.open_connection(*address, ssl=client_context())
    writer.write(b"hello\n")
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return answer


async def asks_with_anyio(address):
    async with await anyio.connect_tcp(*address, ssl_context=client_context()) as stream:
        await stream.send(b"hello\n")
        return await stream.receive()


@pytest.mark.parametrize("ask", [asks_with_asyncio, asks_with_anyio])
async def test_a_server_in_the_same_loop_may_sleep_before_it_answers(clock, ask):
    async def serve(reader, writer):
        text = await reader.readline()
        await asyncio.sleep(3600)
        writer.write(text)
        writer.close()

    with clock.in_loop():
        async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_context()) as at:
            before = time.perf_counter()
            assert await ask(at.sockets[0].getsockname()) == b"hello\n"
            assert time.perf_counter() - before < 4
    assert timedelta(hours=1) <= clock.time() - MIDNIGHT < timedelta(hours=1) + LATE


async def test_a_peer_that_owes_an_answer_for_too_long_is_named(clock, server):
    with clock.in_loop():
        _, writer = await asyncio.open_connection(*server.address, ssl=client_context())
        owed = LoopTime.present().real
        owed.silence = 0.1
        writer.write(b"never\n")
        with pytest.warns(RuntimeWarning, match=r"for an answer from .*127.*StreamReaderProtocol"):
            await asyncio.sleep(3600)
        owed.silence = 5
        writer.close()
        await writer.wait_closed()


async def test_who_subscribes_in_secret_is_given_time_to_hear(clock, server):
    with clock.in_loop():
        reader, writer = await asyncio.open_connection(*server.address, ssl=client_context())
        writer.write(b"SUBSCRIBE news\n")
        assert LoopTime.present().real.news_may_come
        await reader.readline()
        writer.close()
        await writer.wait_closed()


async def test_a_connection_made_before_is_left_as_it_was(clock, server):
    reader, writer = await asyncio.open_connection(*server.address, ssl=client_context())
    with clock.in_loop():
        await converse(reader, writer)
    assert vars(writer.get_extra_info("ssl_object")).keys().isdisjoint({"read", "write"})
    writer.close()
    await writer.wait_closed()
