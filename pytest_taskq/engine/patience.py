"""Keeps the clock from jumping while a store that has to wait is at work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from pytest_taskq.core.errors import StoreUnavailable
from pytest_taskq.core.job import Job, JobId
from pytest_taskq.core.store import LIMITED, Change, JobQuery, Refusal, Store
from pytest_taskq.engine.loop_time import call_real

if TYPE_CHECKING:
    from pytest_taskq.engine.clock import Clock

__all__ = ["PatientStore"]

T = TypeVar("T")

REASON = "the store of a queue"
ANSWER_SECONDS = 60.0


class PatientStore:
    """A store behind a server, as a queue on a clock uses it.

    What a loop sees of a connection does not tell where an answer ends: a long one comes in
    parts, and several calls may be under way. Here each call is known from begin to end. A test
    must end: after ``seconds`` of real time without an answer a call raises StoreUnavailable.
    """

    immediate = False

    def __init__(self, store: Store, clock: Clock, seconds: float = ANSWER_SECONDS) -> None:
        self._store = store
        self._hold = clock.hold
        self._seconds = seconds

    async def put(self, changes: Sequence[Change]) -> list[Job | Refusal]:
        """See ``Store.put``."""
        return await self._answer("put", self._store.put(changes))

    async def get(self, job_id: JobId) -> Job | None:
        """See ``Store.get``."""
        return await self._answer("get", self._store.get(job_id))

    async def find(self, query: JobQuery) -> list[Job]:
        """See ``Store.find``."""
        return await self._answer("find", self._store.find(query))

    async def unfinished(self) -> bool:
        """See ``Store.unfinished``."""
        return await self._answer("say whether any job is left", self._store.unfinished())

    async def delete(self, jobs: Sequence[Job]) -> list[bool]:
        """See ``Store.delete``."""
        return await self._answer("delete", self._store.delete(jobs))

    async def clear(self) -> None:
        """See ``Store.clear``."""
        await self._answer("clear", self._store.clear())

    @asynccontextmanager
    async def watch(self, changed: Callable[[], None]) -> AsyncIterator[None]:
        """See ``Store.watch``: to begin and to end it takes answers, and in between none."""
        watching = self._store.watch(changed)
        await self._answer("watch", watching.__aenter__())
        try:
            yield
        finally:
            await self._answer("end a watch", watching.__aexit__(None, None, None))

    async def aclose(self) -> None:
        """See ``Store.aclose``."""
        await self._answer("close", self._store.aclose())

    async def _answer(self, call: str, answer: Awaitable[T]) -> T:
        loop, before = asyncio.get_running_loop(), LIMITED.get()
        LIMITED.set(True)
        with self._hold(REASON):
            try:
                async with asyncio.timeout(None) as limit:
                    late = call_real(self._seconds, lambda: limit.reschedule(loop.time()))
                    try:
                        return await answer
                    finally:
                        late.cancel()
            except TimeoutError:
                if not limit.expired():
                    raise
            finally:
                LIMITED.set(before)  # no token: one is refused where a loop has ended under it
        raise StoreUnavailable(
            f"The store of a queue does not answer. {self._store!r} was asked to {call}, and has "
            f"said nothing for {self._seconds:g} real seconds. Look whether its server lives, and "
            f"whether something else has locked what it needs."
        )
