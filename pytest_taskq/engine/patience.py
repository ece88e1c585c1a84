"""Keeps the clock from jumping while a store that has to wait is at work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pytest_taskq.core.job import Job, JobId
from pytest_taskq.core.store import Change, JobQuery, Refusal, Store

if TYPE_CHECKING:
    from pytest_taskq.engine.clock import Clock

__all__ = ["PatientStore"]

REASON = "the store of a queue"


class PatientStore:
    """A store behind a server, as a queue on a clock uses it.

    What a loop sees of a connection does not tell where an answer ends: a long one comes in
    parts, and several calls may be under way. Here each call is known from begin to end.
    """

    immediate = False

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._hold = clock.hold

    async def put(self, changes: Sequence[Change]) -> list[Job | Refusal]:
        """See ``Store.put``."""
        with self._hold(REASON):
            return await self._store.put(changes)

    async def get(self, job_id: JobId) -> Job | None:
        """See ``Store.get``."""
        with self._hold(REASON):
            return await self._store.get(job_id)

    async def find(self, query: JobQuery) -> list[Job]:
        """See ``Store.find``."""
        with self._hold(REASON):
            return await self._store.find(query)

    async def delete(self, jobs: Sequence[Job]) -> list[bool]:
        """See ``Store.delete``."""
        with self._hold(REASON):
            return await self._store.delete(jobs)

    async def clear(self) -> None:
        """See ``Store.clear``."""
        with self._hold(REASON):
            await self._store.clear()

    @asynccontextmanager
    async def watch(self, changed: Callable[[], None]) -> AsyncIterator[None]:
        """See ``Store.watch``: to begin and to end it takes answers, and in between none."""
        watching = self._store.watch(changed)
        with self._hold(REASON):
            await watching.__aenter__()
        try:
            yield
        finally:
            with self._hold(REASON):
                await watching.__aexit__(None, None, None)

    async def aclose(self) -> None:
        """See ``Store.aclose``."""
        with self._hold(REASON):
            await self._store.aclose()
