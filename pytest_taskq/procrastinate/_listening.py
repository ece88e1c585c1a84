"""Notifications of new jobs and of requests to abort, as the database of production sends them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Protocol, TypedDict

from pytest_taskq.core.job import JobId, State
from pytest_taskq.engine.history import Event
from pytest_taskq.engine.queue import Queue
from pytest_taskq.procrastinate._records import OF_ITSELF

__all__ = ["Notification", "NotificationCallback", "listen"]

ANY_QUEUE = "procrastinate_any_queue_v1"
ONE_QUEUE = "procrastinate_queue_v1#"


class Notification(TypedDict):
    """``type`` is "job_inserted" or "abort_job_requested"."""

    type: str
    job_id: JobId


class NotificationCallback(Protocol):
    """What is awaited for each notification."""

    def __call__(self, *, channel: str, notification: Notification) -> Awaitable[None]: ...


async def listen(queue: Queue, notify: NotificationCallback, names: Iterable[str] | None) -> None:
    """Tell of what happens from now on in these queues, in order, until cancelled."""
    wanted = None if names is None else frozenset(names)
    loop = asyncio.get_running_loop()
    coming: asyncio.Queue[tuple[str, Notification]] = asyncio.Queue()

    def note(event: Event) -> None:
        kind, job = _kind_of(event), event.job
        if kind is None or (wanted is not None and job.queue not in wanted) or loop.is_closed():
            return
        channel = ANY_QUEUE if wanted is None else ONE_QUEUE + job.queue
        # It may have happened in another thread.
        loop.call_soon_threadsafe(
            coming.put_nowait, (channel, Notification(type=kind, job_id=job.id))
        )

    queue.history.listeners.append(note)
    try:
        while True:
            channel, notification = await coming.get()
            await notify(channel=channel, notification=notification)
    finally:
        queue.history.listeners.remove(note)


def _kind_of(event: Event) -> str | None:
    if event.verb == "enqueue":
        return "job_inserted"
    if (
        event.verb == "cancel"
        and event.job.state is State.RUNNING
        and event.outcome is not OF_ITSELF
    ):
        return "abort_job_requested"
    return None
