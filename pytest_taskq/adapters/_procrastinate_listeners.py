"""Who is told of new jobs and of requests to abort, each on the loop on which it listens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Iterable
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol

__all__ = ["CURRENT_WORKER", "Listeners", "Notify"]

ANY_QUEUE = "procrastinate_any_queue_v1"
ONE_QUEUE = "procrastinate_queue_v1#"

CURRENT_WORKER: ContextVar[int | None] = ContextVar("taskq_procrastinate_worker", default=None)
"""The worker that this code was started by: side tasks of a worker inherit it."""


class Notify(Protocol):
    """What Procrastinate has called for each notification."""

    def __call__(self, *, channel: str, payload: str) -> Awaitable[None]: ...


class _Listener(NamedTuple):
    notify: Notify
    channels: tuple[str, ...]
    loop: asyncio.AbstractEventLoop
    worker_id: int | None


class Listeners:
    """The workers that listen, however many."""

    def __init__(self) -> None:
        self._listeners: list[_Listener] = []

    def add(self, notify: Notify, channels: Iterable[str]) -> None:
        """Tell this one too, until its worker or its loop is gone."""
        loop = asyncio.get_running_loop()
        listener = _Listener(notify, tuple(channels), loop, CURRENT_WORKER.get())
        self._listeners.append(listener)

    def drop(self, worker_id: int) -> None:
        """Tell this worker no more."""
        self._listeners = [each for each in self._listeners if each.worker_id != worker_id]

    def clear(self) -> None:
        """Tell nobody."""
        self._listeners = []

    @property
    def channels(self) -> list[str]:
        """The channels of who began to listen last."""
        return list(self._listeners[-1].channels) if self._listeners else []

    @property
    def last(self) -> Notify | None:
        """Who began to listen last."""
        return self._listeners[-1].notify if self._listeners else None

    async def tell(self, queue: str, notification: dict[str, Any]) -> None:
        """Tell whoever listens to this queue: at once on this loop, soon on others."""
        if not self._listeners:
            return
        payload = json.dumps(notification)
        here = asyncio._get_running_loop()  # noqa: SLF001 - documented, None without a loop
        self._listeners = [each for each in self._listeners if not each.loop.is_closed()]
        for each in self._listeners:
            for channel in (ANY_QUEUE, ONE_QUEUE + queue):
                if channel not in each.channels:
                    continue
                if each.loop is here:
                    await each.notify(channel=channel, payload=payload)
                else:
                    each.loop.call_soon_threadsafe(_begin, each, channel, payload)


def _begin(listener: _Listener, channel: str, payload: str) -> None:
    async def notify() -> None:
        await listener.notify(channel=channel, payload=payload)

    task = asyncio.ensure_future(notify())
    _BEGUN.add(task)
    task.add_done_callback(_BEGUN.discard)


_BEGUN: set[asyncio.Task[None]] = set()
