"""What the real world owes holds time: threads, DNS, sockets, connections, processes."""

import asyncio
import contextlib
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from pytest_taskq.engine.loop_time import LoopTime
from pytest_taskq.engine.outstanding import SOCKET_CALLS

pytestmark = pytest.mark.asyncio

MIDNIGHT = datetime(2031, 5, 4, tzinfo=UTC)
LATE = timedelta(seconds=3)


@pytest.fixture
def slow_server():
    """A server in a thread: it answers a line after 0.2 s, and never a line that says so."""

    def answer(line):
        with line, contextlib.suppress(OSError):
            while (asked := line.recv(100)) != b"":
                if asked != b"never\n":
                    time.sleep(0.2)
                    line.sendall(asked)

    def serve(listener):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()
        listener.shutdown(socket.SHUT_RDWR)


async def ask(address):
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"hello\n")
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_slow_thread_does_not_time_out_and_a_slower_one_does(clock):
    with clock.in_loop():
        await asyncio.wait_for(asyncio.to_thread(time.sleep, 0.2), 5)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(time.sleep, 0.3), 0.05)
    assert clock.time() - MIDNIGHT < LATE


async def test_a_thread_of_somebody_elses_pool_is_waited_for(clock):
    with ThreadPoolExecutor(1) as pool, clock.in_loop():
        async with asyncio.timeout(5):
            await asyncio.wrap_future(pool.submit(time.sleep, 0.1))


async def test_a_thread_of_anyio_is_waited_for(clock):
    with clock.in_loop():
        for _ in range(2):
            with anyio.fail_after(5):
                await anyio.to_thread.run_sync(time.sleep, 0.1)
        assert clock.time() - MIDNIGHT < LATE
        await anyio.sleep(3600)


async def test_a_slow_answer_is_waited_for(clock, slow_server):
    with clock.in_loop():
        assert await asyncio.wait_for(ask(slow_server), 5) == b"hello\n"
        assert clock.time() - MIDNIGHT < LATE
        await asyncio.sleep(3600)


async def test_calls_on_a_socket_are_waited_for(clock, slow_server):
    loop = asyncio.get_running_loop()
    with clock.in_loop(), socket.socket() as line:
        line.setblocking(False)
        async with asyncio.timeout(5):
            await loop.sock_connect(line, slow_server)
            await loop.sock_sendall(line, b"hello\n")
            assert await loop.sock_recv(line, 100) == b"hello\n"
    assert clock.time() - MIDNIGHT < LATE


@pytest.mark.parametrize("name", sorted(SOCKET_CALLS))
async def test_a_call_on_a_socket_makes_its_future_itself(name):
    code = getattr(asyncio.SelectorEventLoop, name).__code__
    assert "create_future" in code.co_names
    assert "sock" in code.co_varnames + code.co_cellvars


async def test_what_runs_in_a_thread_is_named(clock):
    def somebody_elses(pool, func):
        return asyncio.wrap_future(pool.submit(func))

    loop, go_on = asyncio.get_running_loop(), threading.Event()
    with ThreadPoolExecutor(1) as pool, clock.in_loop():
        real = LoopTime.present().real
        ours = loop.run_in_executor(pool, go_on.wait)
        theirs = somebody_elses(pool, go_on.wait)
        owed = real.reasons()
        go_on.set()
        await asyncio.gather(ours, theirs)
        assert not real.reasons()
    assert owed == ["Event.wait in a thread", "a call in a thread"]


async def test_names_are_looked_up_in_real_time(clock):
    with clock.in_loop():
        loop = asyncio.get_running_loop()
        assert await asyncio.wait_for(loop.getaddrinfo("localhost", 80), 5)
    assert clock.time() - MIDNIGHT < LATE


async def test_a_process_is_waited_for(clock):
    code = "import time; time.sleep(0.2); print('done')"
    with clock.in_loop():
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await asyncio.wait_for(process.communicate(), 5)
        assert out.strip() == b"done"
        assert clock.time() - MIDNIGHT < LATE
        await asyncio.sleep(3600)


async def test_a_server_in_the_same_loop_may_sleep_before_it_answers(clock):
    async def serve(reader, writer):
        await asyncio.sleep(3600)
        writer.write(await reader.readline())
        writer.close()

    with clock.in_loop():
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            before = time.perf_counter()
            assert await ask(server.sockets[0].getsockname()) == b"hello\n"
            assert time.perf_counter() - before < 4
    assert clock.time() - MIDNIGHT >= timedelta(hours=1)


async def test_a_peer_that_never_answers_is_waited_for_so_long_and_named(clock, slow_server):
    with clock.in_loop():
        owed = LoopTime.present().real
        owed.silence = 0.1
        _, writer = await asyncio.open_connection(*slow_server)
        writer.write(b"never\n")
        assert any("127.0.0.1" in reason for reason in owed.reasons())
        with pytest.warns(RuntimeWarning, match=r"0\.1 real seconds for an answer from .*127"):
            await asyncio.sleep(3600)
        writer.write(b"never\n")
        await asyncio.sleep(3600)
        writer.close()
        await writer.wait_closed()
    assert clock.time() - MIDNIGHT >= timedelta(hours=2)


async def test_a_connection_made_before_is_watched_and_then_left_alone(clock, slow_server):
    reader, writer = await asyncio.open_connection(*slow_server)
    with clock.in_loop():
        writer.write(b"hello\n")
        assert await asyncio.wait_for(reader.readline(), 5) == b"hello\n"
        assert clock.time() - MIDNIGHT < LATE
    assert "write" not in vars(writer.transport)
    writer.close()
    await writer.wait_closed()


async def test_the_threads_of_a_test_end_with_its_loop(clock):
    async def test():
        with clock.in_loop():
            await asyncio.to_thread(time.sleep, 0.01)
            owed, loop = LoopTime.present().real, asyncio.get_running_loop()
            ending = asyncio.create_task(loop.shutdown_default_executor())
            await asyncio.sleep(0)
            assert owed.reasons() == ["the end of the threads"]
            await ending

    await asyncio.to_thread(asyncio.run, test())
    assert clock.time() - MIDNIGHT < LATE
