"""The queues under dockets: one for each event loop, whole URL and docket name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from pytest_taskq.core.errors import BadOption
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.stores.memory import MemoryStore

if TYPE_CHECKING:
    from pytest_taskq.docket.docket import Docket

__all__ = ["make_queues_with", "queue_of", "tell_opened"]

Maker = Callable[[str, str], Queue | None]
Opened = Callable[["Docket"], None]

# Dockets of one URL and name share their data for as long as the loop lives, also one after the
# other, as in docket 0.27. A new loop, so a new test, begins with nothing.
_QUEUES: dict[asyncio.AbstractEventLoop, dict[tuple[str, str, Clock | None], Queue]] = {}
_MAKERS: list[tuple[Maker, Opened]] = []


def make_queues_with(make: Maker, opened: Opened) -> Callable[[], None]:
    """From now on ``make`` gives the queue of a URL and a docket name; call the answer to stop.

    Where it gives None a docket lives in memory, whatever its URL says. ``opened`` is told of
    each docket that is on such a queue now.
    """
    maker = make, opened
    _MAKERS.append(maker)
    return lambda: _MAKERS.remove(maker)


def tell_opened(docket: Docket) -> None:
    """Tell who gives queues of a docket that has been opened."""
    for _, opened in _MAKERS:
        opened(docket)


def queue_of(url: str, name: str) -> Queue:
    """The queue of this URL and docket name on the running loop, on the present clock.

    Raises BadOption for the URL of a server.
    """
    for make, _ in reversed(_MAKERS):
        queue = make(url, name)
        if queue is not None:
            return queue
    if not _MAKERS and not url.startswith("memory://"):
        raise BadOption(
            f"A docket of pytest-taskq lives in memory. Its URL begins with "
            f"{url.partition(':')[0]!r}, which needs a server. Write url='memory://tests' instead, "
            f"with any name after the slashes."
        )
    loop = asyncio.get_running_loop()
    for known in list(_QUEUES):
        if known.is_closed():
            _QUEUES.pop(known, None)
    queues = _QUEUES.setdefault(loop, {})
    clock = Clock.present()
    at = (url, name, None if clock.mode == "real" else clock)
    if at not in queues:
        queues[at] = Queue(MemoryStore(), clock, seed=0)
    return queues[at]
