"""Who is to be told of changes: within this process at once, of another one's by looking."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from weakref import WeakValueDictionary

from pytest_taskq.core.errors import QueueClosed, StoreUnavailable

__all__ = ["Look", "Watchers", "watchers_of"]

LOOK_SECONDS = 0.01


class Watchers:
    """Functions to call after a change, each on the loop that it was added on."""

    def __init__(self) -> None:
        # Replaced and never changed: another thread may be walking it.
        self._tells: tuple[Callable[[], None], ...] = ()

    def tell(self) -> None:
        """Something has changed. May be called from any thread."""
        for tell in self._tells:
            tell()

    @contextmanager
    def added(self, changed: Callable[[], None]) -> Iterator[None]:
        """While entered, ``tell`` has ``changed`` called soon on the loop that runs now."""
        tell = _teller(changed)
        self._tells = (*self._tells, tell)
        try:
            yield
        finally:
            self._tells = tuple([other for other in self._tells if other is not tell])


_OF_PATHS: WeakValueDictionary[Path, Watchers] = WeakValueDictionary()
_LOCK = threading.Lock()


def watchers_of(path: Path | None) -> Watchers:
    """Those of all the objects of this process on one file; of one object alone without a path."""
    if path is None:
        return Watchers()
    with _LOCK:
        return _OF_PATHS.setdefault(path, Watchers())


class Look:
    """Calls ``changed`` on this loop whenever ``version`` says something new, until it is stopped.

    The one poll in the package: SQLite tells nobody of a commit, and to ask it costs a
    microsecond. The files beside a database change at other moments than its commits. It is a
    thread that looks, for the timers of a loop may follow a clock that does not go.
    """

    def __init__(self, version: Callable[[], int], changed: Callable[[], None]) -> None:
        self._version = version
        self._tell = _teller(changed)
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._look, args=[version()], name="taskq-look", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        self._thread.join()

    def _look(self, seen: int) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            try:
                now = self._version()
            except (QueueClosed, StoreUnavailable):
                self._tell()  # who looks now gets the error itself
                return
            if now != seen:
                seen = now
                self._tell()


def _teller(changed: Callable[[], None]) -> Callable[[], None]:
    """What calls ``changed`` on the loop that runs now, from any thread."""
    loop = asyncio.get_running_loop()

    def tell() -> None:
        if asyncio._get_running_loop() is loop:  # noqa: SLF001 - documented, None without one
            changed()  # a fifth of the cost of waking the loop, at every change of its own
            return
        with suppress(RuntimeError):  # the loop has been closed under the watch
            loop.call_soon_threadsafe(changed)

    return tell
