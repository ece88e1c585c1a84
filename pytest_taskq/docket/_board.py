"""What all dockets on one queue know beside its jobs: progress, strikes, and who listens."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from weakref import WeakSet

from pytest_taskq.core.job import JobId
from pytest_taskq.docket._states import ProgressEvent
from pytest_taskq.engine.history import Event
from pytest_taskq.engine.queue import Queue

if TYPE_CHECKING:
    from pytest_taskq.core.windows import Window
    from pytest_taskq.docket.strikelist import StrikeInstruction, StrikeList

__all__ = ["Board", "Told", "board_of"]

Told = asyncio.Queue[Event | ProgressEvent]


class Board:
    """Lives in the memory of this process, like the history of the queue.

    ``progress``: how far the executions of keys say they are. ``replaced``: jobs that were
    cancelled because another one took their place, of which nobody is told. ``windows``: what is
    remembered of starts, by name, for the rules in ``core.windows``.
    """

    def __init__(self, queue: Queue) -> None:
        self._history = queue.history  # not the queue, which has this object
        self.progress: dict[str, ProgressEvent] = {}
        self.replaced: set[JobId] = set()
        self.windows: dict[str, Window] = {}
        self.strikes: list[StrikeInstruction] = []
        self._strike_lists: WeakSet[StrikeList] = WeakSet()
        self._listeners: defaultdict[str, list[Told]] = defaultdict(list)

    @contextmanager
    def told(self, key: str) -> Iterator[Told]:
        """What happens to the executions of this key while the block runs."""
        told: Told = asyncio.Queue()
        if not self._listeners:
            self._history.listeners.append(self._tell)
        self._listeners[key].append(told)
        try:
            yield told
        finally:
            self._listeners[key].remove(told)
            if not self._listeners[key]:
                del self._listeners[key]
            if not self._listeners:
                self._history.listeners.remove(self._tell)

    def set_progress(self, event: ProgressEvent) -> None:
        """Keep how far an execution is, and tell it."""
        self.progress[event["key"]] = event
        for told in self._listeners.get(event["key"], ()):
            told.put_nowait(event)

    def join(self, strike_list: StrikeList) -> None:
        """Let a list have all strikes that were made, and those to come."""
        self._strike_lists.add(strike_list)
        for instruction in self.strikes:
            strike_list.update(instruction)

    def leave(self, strike_list: StrikeList) -> None:
        """Let a list have no more strikes."""
        self._strike_lists.discard(strike_list)

    def send(self, instruction: StrikeInstruction) -> None:
        """Let every list have a strike."""
        self.strikes.append(instruction)
        for strike_list in list(self._strike_lists):
            strike_list.update(instruction)

    def _tell(self, event: Event) -> None:
        if event.job.id in self.replaced:
            return
        for told in self._listeners.get(event.job.key or "", ()):
            told.put_nowait(event)


def board_of(queue: Queue) -> Board:
    """The board of a queue; made when it is first asked for."""
    board: Board | None = queue.beside.get(Board)
    if board is None:
        board = queue.beside[Board] = Board(queue)
    return board
