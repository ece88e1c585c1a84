"""Lets sync code use a queue: without a loop where no store waits, else on a loop of our own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future, wait
from typing import Any, TypeVar

__all__ = ["begin", "close", "drive", "is_own_loop", "wait_for"]

T = TypeVar("T")


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to its end, without a loop, a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    coroutine.close()
    raise RuntimeError(
        "This call cannot be made from sync code. It has to wait for something. "
        "Use the async form of the call."
    )


def wait_for(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on our own loop in another thread, and block this one until it has ended.

    A loop that runs in this thread stands still meanwhile, as with any blocking call.
    """
    return begin(coroutine).result()


def begin(coroutine: Coroutine[Any, Any, T]) -> Future[T]:
    """Run a coroutine on our own loop in another thread, while this one goes on.

    ``close`` waits for its end.
    """
    return _OWN.begin(coroutine)


def is_own_loop(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether this is the loop that ``wait_for`` uses."""
    return loop is _OWN.started


def close() -> None:
    """End the loop of ``wait_for``, and with it what is open on it; the next call makes another."""
    _OWN.close()


class _OwnLoop:
    """A loop in a daemon thread, started when it is first needed; one for the process."""

    def __init__(self) -> None:
        self.started: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._begun: set[Future[Any]] = set()

    def begin(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        with self._lock:
            if self.started is None:
                self.started = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self.started.run_forever, name="taskq-sync", daemon=True
                )
                self._thread.start()
            begun = asyncio.run_coroutine_threadsafe(coroutine, self.started)
            self._begun.add(begun)
        begun.add_done_callback(self._begun.discard)
        return begun

    def close(self) -> None:
        with self._lock:
            loop, thread, self.started = self.started, self._thread, None
            begun = set(self._begun)
        if loop is not None and thread is not None:
            # A test that runs pytest inside closes what the run around it still needs.
            wait(begun)
            asyncio.run_coroutine_threadsafe(loop.shutdown_asyncgens(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


_OWN = _OwnLoop()
