"""Who is to be told of changes: within this process at once, of another one's by looking."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
        loop = asyncio.get_running_loop()

        def tell() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(changed)

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
    """Calls ``changed`` whenever ``version`` says something new, until it is stopped.

    The one poll in the package: SQLite tells nobody of a commit, and to ask it costs a
    microsecond. The files beside a database change at other moments than its commits.
    """

    def __init__(self, version: Callable[[], int], changed: Callable[[], None]) -> None:
        self._version = version
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._seen = version()
        self._timer = self._loop.call_later(LOOK_SECONDS, self._look)

    def stop(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _look(self) -> None:
        try:
            seen = self._version()
        except (QueueClosed, StoreUnavailable):
            self._changed()  # who looks now gets the error itself
            return
        if seen != self._seen:
            self._seen = seen
            self._changed()
        self._timer = self._loop.call_later(LOOK_SECONDS, self._look)
