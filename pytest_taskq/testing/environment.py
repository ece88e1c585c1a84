"""What one test has: a clock, a store, and the queues made on them, closed when it ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from pytest_taskq.core.store import Store
from pytest_taskq.engine.clock import Clock, Freezer, Mode
from pytest_taskq.engine.freezer import FreezegunFreezer
from pytest_taskq.engine.queue import Queue
from pytest_taskq.stores.memory import MemoryStore
from pytest_taskq.testing.describe import describe_queue

__all__ = ["Environment"]

T = TypeVar("T")


class Environment:
    """The surroundings of one test.

    ``mode`` and ``start`` are the clock's; ``seed`` is the one of the jitter in back-off delays.
    """

    def __init__(
        self,
        *,
        mode: Mode = "auto",
        start: datetime | None = None,
        seed: int = 0,
        store: Callable[[], Store] = MemoryStore,
        freezer: Callable[[], Freezer] = FreezegunFreezer,
    ) -> None:
        self.clock = Clock(mode, start, freezer=freezer())
        self.queues: list[Queue] = []
        self._made: dict[type, Any] = {}
        self._seed = seed
        self._store = store

    def new_queue(self) -> Queue:
        """A queue on a store of its own and on this test's clock."""
        queue = Queue(self._store(), self.clock, seed=self._seed)
        self.queues.append(queue)
        return queue

    def once(self, kind: type[T], make: Callable[[], T]) -> T:
        """The one object of this kind in the test, made when it is first asked for."""
        if kind not in self._made:
            self._made[kind] = make()
        made: T = self._made[kind]
        return made

    def describe(self) -> str:
        """What the queues look like now, as text."""
        return "\n\n".join(describe_queue(queue) for queue in self.queues)

    async def end_runs(self) -> None:
        """Stop the workers that still run; on the loop that the test used."""
        for queue in self.queues:
            await queue.end_runs()

    def close(self) -> None:
        """Give real time back, and close the queues."""
        self.clock.close()
        for queue in self.queues:
            queue.close()
