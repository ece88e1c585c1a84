"""Joins core and store for those who enqueue and ask; ``leases`` does for workers. No other file.

The rule of every verb here: decide on the record that was found, and put the decision in place
of that record. A refusal means that somebody was faster, and nothing was changed.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, cached_property
from itertools import count
from typing import Any, TypeVar, Unpack
from weakref import ReferenceType, ref

from pytest_taskq.core import transitions
from pytest_taskq.core.errors import BadOption, IllegalTransition, NameHeld, QueueClosed, WrongLoop
from pytest_taskq.core.job import Job, JobId, State
from pytest_taskq.core.outcome import Outcome
from pytest_taskq.core.payload import encode_call
from pytest_taskq.core.request import JobFields, check
from pytest_taskq.core.store import EVERYTHING, Change, JobQuery, Refusal, Store
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.endable import Endable
from pytest_taskq.engine.history import History
from pytest_taskq.engine.interrupt import to_its_end
from pytest_taskq.engine.leases import Leases
from pytest_taskq.engine.limits import CHAIN_LIMIT
from pytest_taskq.engine.sync import drive, is_own_loop, wait_for
from pytest_taskq.engine.tasks import CURRENT_JOB

__all__ = ["LAST_USED", "LEASE", "Queue"]

T = TypeVar("T")
Decide = Callable[[Job, int], Job]
Told = tuple[Outcome | None, BaseException | None]

LEASE = 300_000_000

LAST_USED: ContextVar[ReferenceType[Queue] | None] = ContextVar("taskq_last_used", default=None)
"""The queue that this code enqueued to last: what a time-out of ``wait_until`` describes."""


@cache
def _tokens(_process: int) -> Iterator[int]:
    """Of leases. Those of two processes on one store must differ too."""
    return count(int.from_bytes(os.urandom(8)) >> 2)


class Queue:
    """The rules of the queue applied to a store, on a clock.

    ``lease``: microseconds a claimed job is its worker's before it counts as abandoned.
    ``seed``: of the jitter in back-off delays. ``chain_limit``: how many attempts one chain of
    jobs may have in one run. ``escapes``: what a task raises and its worker's run raises too,
    once it is recorded.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        lease: int = LEASE,
        seed: int | None = None,
        chain_limit: int = CHAIN_LIMIT,
        escapes: tuple[type[BaseException], ...] = (),
    ) -> None:
        if lease <= 0:
            raise BadOption(
                f"A lease must be longer than nothing. It is {lease!r} microseconds. "
                f"Leave it out for five minutes."
            )
        waits = not store.immediate and clock.mode != "real"
        if waits:
            from pytest_taskq.engine.patience import PatientStore  # a store in memory needs none

            store = PatientStore(store, clock)
        self.store = store
        self.clock = clock
        self.lease = lease
        self.tokens = _tokens(os.getpid())
        self._seed = seed
        self.chain_limit = chain_limit
        self.escapes = escapes
        self.lapses = True  # whether a silent worker loses its jobs by itself
        self.history = History()
        self.beside: dict[type, Any] = {}
        """What a library keeps beside the jobs, for all who work on this queue, by its kind."""
        self.listeners: set[Callable[[Job | None], None]] = set()
        self.runs: set[Endable] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._ref = ref(self)

    @property
    def leases(self) -> Leases:
        """The worker's side of it."""
        return Leases(self)  # not kept: the two would be a cycle, left to the garbage collector

    @cached_property
    def rng(self) -> random.Random:
        """The source of jitter; made when it is first asked for, which few tests do."""
        return random.Random(self._seed)

    def new_job(
        self,
        task: str,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        due_at: int | None = None,
        payload: str | None = None,
        **fields: Unpack[JobFields],
    ) -> Job:
        """A checked job, not enqueued yet. ``due_at`` None means now.

        Raises NotStorable or PayloadTooLarge for the arguments, BadOption for anything else.
        """
        now, current = self.clock.now(), CURRENT_JOB.get()
        job = Job(
            task=task,
            payload=encode_call(args, kwargs or {}) if payload is None else payload,
            due_at=now if due_at is None else due_at,
            parent=current[1] if current is not None and current[0] is self else None,
            created_at=now,
            **fields,
        )
        check(job)
        return job

    async def enqueue(self, job: Job) -> Job:
        """Store a new job. Raises NameHeld, and stores nothing, when a name of its is taken."""
        stored = (await self.enqueue_each([job]))[0]
        if isinstance(stored, Refusal):
            raise NameHeld(stored.name or "", stored.holder)
        return stored

    async def enqueue_each(self, jobs: Sequence[Job]) -> list[Job | Refusal]:
        """Store new jobs, each on its own, in order."""
        self.use()
        LAST_USED.set(self._ref)
        return await self.uncut(self._land(jobs))

    async def _land(self, jobs: Sequence[Job]) -> list[Job | Refusal]:
        answers = await self.store.put([Change(job, None) for job in jobs])
        for answer in answers:
            if isinstance(answer, Job):
                self.history.add(answer.created_at, "enqueue", answer)
        self.tell(None)
        return answers

    async def cancel(self, job_id: JobId) -> Job | None:
        """Cancel a queued job at once, or ask the worker of a running one to stop it.

        None when there is nothing to cancel: no such job, or it has ended.
        """
        return await self.change(job_id, "cancel", transitions.cancel)

    async def requeue(self, job_id: JobId) -> Job | None:
        """Start a dead or cancelled job anew. None when it is neither."""
        return await self.change(job_id, "requeue", transitions.requeue)

    async def get(self, job_id: JobId) -> Job | None:
        """The job as it is now."""
        self.use()
        return await self.store.get(job_id)

    async def find(self, query: JobQuery | None = None) -> list[Job]:
        """The jobs of a query; all of them, oldest first, without one."""
        self.use()
        return await self.store.find(query or EVERYTHING)

    async def delete(self, jobs: Sequence[Job]) -> int:
        """Forget jobs, and say how many were still stored as they were given."""
        self.use()
        return sum(await self.store.delete(jobs))

    async def forget(self, job_id: JobId) -> None:
        """Forget a job, whatever it is by now."""
        while found := await self.get(job_id):
            await self.delete([found])

    async def clear(self) -> None:
        """Forget every job; the history stays."""
        self.use()
        await self.store.clear()
        self.tell(None)

    def uncut(self, coroutine: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        """What changes jobs, to be awaited to its end whoever is cancelled.

        Cut while it waits for the store, a change would land and the history never hear of it.
        """
        return coroutine if self.store.immediate else to_its_end(coroutine)

    def sync(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run one of the calls above from sync code: ``queue.sync(queue.get(7))``."""
        if self.store.immediate:
            return drive(coroutine)
        LAST_USED.set(self._ref)  # what the other thread sets does not come back
        return wait_for(coroutine)

    async def aclose(self) -> None:
        """Stop what runs on it, and close it with its store. A second call does nothing."""
        if not self._closed:
            await self.end_runs()
            self._closed = True
            await self.store.aclose()

    async def end_runs(self) -> None:
        """Stop every worker's run by force; the jobs in hand go back to the queue.

        A library's own worker leaves them as a process does that is killed.
        """
        for run in tuple(self.runs):
            await run.end()

    def close(self) -> None:
        """Close without waiting, for the end of a test: what still runs is told to stop."""
        self._closed = True
        self._loop = None  # an app and its tasks are a cycle: the loop is not to wait for its end
        for run in tuple(self.runs):
            run.stop(force=True)

    @property
    def closed(self) -> bool:
        """Whether it takes no more calls."""
        return self._closed

    @contextmanager
    def told(self, listener: Callable[[Job | None], None]) -> Iterator[None]:
        """Call ``listener`` after changes made through this object.

        It gets the job that was asked to stop, or None when there may be new work.
        """
        self.listeners.add(listener)
        try:
            yield
        finally:
            self.listeners.discard(listener)

    def tell(self, job: Job | None) -> None:
        """Let the listeners know of a change, on their own loop if this is another thread."""
        here, loop = asyncio._get_running_loop(), self._loop  # noqa: SLF001 - see use()
        if self.listeners and loop is not None and loop is not here and loop.is_running():
            loop.call_soon_threadsafe(self.tell, job)
            return
        for listener in tuple(self.listeners):
            listener(job)

    def use(self) -> None:
        """Refuse use after closing, and on another loop than the one that is using it."""
        if self._closed:
            raise QueueClosed(
                "This queue is closed. Its test or its `async with` block has ended. "
                "Use it inside, or make a new one."
            )
        loop = asyncio._get_running_loop()  # noqa: SLF001 - documented, and None outside a loop
        if loop is self._loop or loop is None or is_own_loop(loop):
            return
        if self._loop is not None and self._loop.is_running():
            raise WrongLoop(
                "This queue is in use on another event loop. That loop is still running, in "
                "another thread. Use the queue on the loop that used it first, for instance "
                "with asyncio.run_coroutine_threadsafe()."
            )
        self._loop = loop

    async def change(
        self, job_id: JobId, verb: str, decide: Decide, told: Told = (None, None)
    ) -> Job | None:
        """Put what ``decide`` makes of the record as it is, at this instant, in its place.

        ``verb`` goes into the history with what is ``told``. None when there is no such job, or
        ``decide`` raises IllegalTransition. Raises NameHeld, and then changes nothing.
        """
        self.use()
        return await self.uncut(self._change(job_id, verb, decide, told))

    async def _change(self, job_id: JobId, verb: str, decide: Decide, told: Told) -> Job | None:
        while (found := await self.store.get(job_id)) is not None:
            now = self.clock.now()
            try:
                after = decide(found, now)
            except IllegalTransition:
                return None
            (answer,) = await self.store.put([Change(after, found)])
            if isinstance(answer, Job):
                worker = found.lease.worker if found.lease is not None else None
                self.history.add(now, verb, answer, worker, *told)
                self.tell(answer if answer.state is State.RUNNING else None)
                return answer
            if answer.name is not None:
                raise NameHeld(answer.name, answer.holder)
        return None
