"""The backend of an app: the queue that its jobs are on."""

from __future__ import annotations

from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.stores.memory import MemoryStore

__all__ = ["MemoryBackend"]


class MemoryBackend:
    """Jobs in memory, in real time. Apps on one backend share its jobs."""

    def __init__(self) -> None:
        self.queue = Queue(MemoryStore(), Clock.present())

    @classmethod
    def on_queue(cls, queue: Queue) -> MemoryBackend:
        """A backend on a queue of the engine, and so on its store and clock."""
        backend = cls.__new__(cls)
        backend.queue = queue
        return backend
