"""Files that are watched hold time, and what is changed on a loop for that is given back."""

import asyncio
import gc
import os
import socket
import threading
import weakref
from datetime import timedelta
from unittest import mock

import pytest

from pytest_taskq.engine.loop_time import LoopTime

pytestmark = pytest.mark.asyncio


async def test_a_file_that_is_watched_is_waited_for_until_it_says_something(clock):
    loop, said = asyncio.get_running_loop(), asyncio.Event()
    read, write = os.pipe()
    began = clock.time()
    with clock.in_loop():
        loop.add_reader(read, lambda: (os.read(read, 1), said.set()))
        threading.Timer(0.1, os.write, (write, b"x")).start()
        await asyncio.wait_for(said.wait(), 5)
        assert clock.time() - began < timedelta(seconds=3)
        await asyncio.sleep(3600)
        loop.remove_reader(read)
    os.close(read)
    os.close(write)


@pytest.mark.parametrize("what", ["reader", "writer"])
async def test_a_file_that_nobody_watches_any_more_is_not_waited_for(clock, what):
    loop = asyncio.get_running_loop()
    add, remove = getattr(loop, f"add_{what}"), getattr(loop, f"remove_{what}")
    ours, theirs = socket.socketpair()
    with ours, theirs, clock.in_loop():
        real = LoopTime.present().real
        add(ours, print)
        assert real.reasons() == [f"an event on file {ours.fileno()} for print"]
        add(ours, repr)
        assert real.reasons() == [f"an event on file {ours.fileno()} for repr"]
        assert remove(ours)
        assert not real.reasons()
        assert not remove(ours)


async def test_each_watcher_of_a_file_is_waited_for(clock):
    loop, (ours, theirs) = asyncio.get_running_loop(), socket.socketpair()
    with ours, theirs, clock.in_loop():
        real, event = LoopTime.present().real, f"an event on file {ours.fileno()} for"
        loop.add_reader(ours, print)
        loop.add_writer(ours, repr)
        assert real.reasons() == [f"{event} print", f"{event} repr"]
        loop.remove_writer(ours)
        assert real.reasons() == [f"{event} print"]
        loop.remove_reader(ours)
        assert not real.reasons()


async def test_a_file_that_can_be_written_still_owes_what_is_to_be_read(clock):
    loop, said, began = asyncio.get_running_loop(), asyncio.Event(), clock.time()
    ours, theirs = socket.socketpair()
    with ours, theirs, clock.in_loop():
        loop.add_reader(ours, lambda: (ours.recv(1), said.set()))
        loop.add_writer(ours, lambda: loop.remove_writer(ours))
        threading.Timer(0.1, theirs.send, (b"x",)).start()
        await asyncio.wait_for(said.wait(), 5)
        assert clock.time() - began < timedelta(seconds=3)
        loop.remove_reader(ours)


async def test_a_file_that_cannot_be_watched_is_not_waited_for(clock):
    loop, (ours, theirs) = asyncio.get_running_loop(), socket.socketpair()
    ours.close()
    with theirs, clock.in_loop():
        with pytest.raises(ValueError, match="-1"):
            loop.add_reader(ours, print)
        await asyncio.sleep(3600)
        _, writer = await asyncio.open_connection(sock=theirs)
        with pytest.raises(RuntimeError, match="is used by transport"):
            loop.add_reader(theirs.fileno(), print)
        assert not LoopTime.present().real.reasons()
        writer.close()


async def test_the_number_of_a_file_may_be_that_of_a_connection_next(clock):
    loop, (ours, theirs) = asyncio.get_running_loop(), socket.socketpair()
    with theirs, clock.in_loop():
        loop.add_reader(ours, print)
        loop.remove_reader(ours)
        _, writer = await asyncio.open_connection(sock=ours)
        await asyncio.sleep(0)
        assert loop._selector.get_key(ours).data[0] is not None
        assert not LoopTime.present().real.reasons()
        writer.close()


async def test_what_is_watched_no_longer_is_not_kept(clock):
    class Reader:
        def read(self):
            pass

    loop, (ours, theirs), reader = asyncio.get_running_loop(), socket.socketpair(), Reader()
    kept = weakref.ref(reader)
    with ours, theirs, clock.in_loop():
        loop.add_reader(ours, reader.read)
        loop.remove_reader(ours)
        del reader
        gc.collect()
        assert kept() is None


async def test_a_method_of_the_loop_that_was_taken_back_is_not_taken_back_twice(clock):
    loop = asyncio.get_running_loop()
    before = {*vars(loop)}
    with clock.in_loop():
        del loop.create_future
    assert {*vars(loop)} == before


async def test_a_method_of_the_loop_that_is_patched_can_be_put_back_afterwards(clock):
    loop = asyncio.get_running_loop()
    patched = mock.patch.object(loop, "add_reader", print)
    with clock.in_loop():
        patched.start()
    assert loop.add_reader is print
    patched.stop()
    assert "add_reader" not in vars(loop)


async def test_a_loop_gets_five_attributes_and_loses_them(clock):
    loop = asyncio.get_running_loop()
    before = {*vars(loop)}
    with clock.in_loop():
        assert len({*vars(loop)} - before) == 5
    assert {*vars(loop)} == before


async def test_a_method_that_somebody_has_kept_watches_no_connection_afterwards(clock):
    loop, (ours, theirs) = asyncio.get_running_loop(), socket.socketpair()
    with clock.in_loop():
        kept = loop.create_future
    with theirs, mock.patch.object(loop, "create_future", kept):
        _, writer = await asyncio.open_connection(sock=ours)
        assert type(loop._transports) is weakref.WeakValueDictionary
        writer.close()
        await writer.wait_closed()
