"""Waiting for jobs that something outside of the loop may bring: it is given its time."""

import asyncio
import os
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pytest_taskq import job, wait_until
from pytest_taskq.engine.loop_time import sleep_real

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(os.name == "nt", reason="signals and pipes as Unix has them"),
]

SECONDS = 0.2
"""How late the jobs come: by far later than a wait that is given up at once."""


@pytest.fixture
def task(in_memory_app):
    @in_memory_app.task(name="receipt")
    def receipt():
        pass

    return receipt


@pytest.fixture
def late():
    """Call something later, in a daemon thread that is not to be known to the one that waits."""
    threads = []

    def call(function):
        threads.append(threading.Timer(SECONDS, function))
        threads[-1].daemon = True
        threads[-1].start()

    yield call
    for thread in threads:
        thread.join()


@pytest.fixture
def late_unseen(late, monkeypatch):
    """As ``late``, in what looks like another process: its threads are not listed."""
    listed = threading.enumerate

    def enumerate_ours():
        return [each for each in listed() if not isinstance(each, threading.Timer)]

    monkeypatch.setattr(threading, "enumerate", enumerate_ours)
    return late


async def comes():
    assert await wait_until(job("receipt"), state="queued", timeout=20) == job("receipt")


async def does_not_come():
    with pytest.raises(AssertionError, match="nothing can move any more"):
        await wait_until(job("receipt"), state="queued", timeout=20)


async def test_a_daemon_thread_may_enqueue_it(task, late):
    late(task.defer)
    await comes()


async def test_a_thread_that_goes_on_after_its_caller_was_cancelled_may_enqueue_it(task):
    go_on, begun = threading.Event(), threading.Event()

    def defer_late():
        begun.set()
        go_on.wait()
        task.defer()

    calling = asyncio.create_task(asyncio.to_thread(defer_late))
    while not begun.is_set():
        await sleep_real(0.001)
    calling.cancel()
    waiting = asyncio.create_task(comes())
    await sleep_real(SECONDS)
    go_on.set()
    await waiting


async def test_idle_threads_of_pools_do_not_keep_it_waiting(task):
    await asyncio.to_thread(int)
    with ThreadPoolExecutor() as pool:
        pool.submit(int).result()
        await does_not_come()


async def test_who_asks_a_server_may_enqueue_it(task, late_unseen):
    async def answer(_reader, writer):
        await task.defer_async()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    late_unseen(lambda: socket.create_connection(address).close())
    await comes()
    server.close()
    await server.wait_closed()


async def test_a_peer_that_pushes_may_enqueue_it(task, late_unseen):
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)

    async def listen():
        await reader.readline()
        await task.defer_async()

    listening = asyncio.create_task(listen())
    late_unseen(lambda: theirs.sendall(b"now\n"))
    await comes()
    await listening
    writer.close()
    await writer.wait_closed()
    theirs.close()


async def test_a_signal_may_enqueue_it(task, late_unseen):
    loop, came = asyncio.get_running_loop(), asyncio.Event()

    async def listen():
        await came.wait()
        await task.defer_async()

    listening = asyncio.create_task(listen())
    loop.add_signal_handler(signal.SIGUSR1, came.set)
    late_unseen(lambda: os.kill(os.getpid(), signal.SIGUSR1))
    await comes()
    await listening
    loop.remove_signal_handler(signal.SIGUSR1)


async def test_a_handler_of_what_stops_a_worker_does_not_keep_it_waiting(task):
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, int)
    await does_not_come()
    loop.remove_signal_handler(signal.SIGTERM)
