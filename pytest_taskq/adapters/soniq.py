"""A real Soniq app on the embedded engine. The only file that imports Soniq."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from types import MappingProxyType
from typing import Any, NoReturn

from pytest_taskq.adapters._patches import replaced, restored
from pytest_taskq.adapters._soniq_dead_letters import SoniqDeadLetters
from pytest_taskq.adapters._soniq_jobs import Jobs
from pytest_taskq.adapters._soniq_running import Running
from pytest_taskq.adapters._soniq_under_test import UnderTest
from pytest_taskq.adapters._soniq_workers import Workers
from pytest_taskq.core.errors import BadOption, MissingExtra
from pytest_taskq.engine.chains import counted
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.tasks import CURRENT_JOB
from pytest_taskq.stores.memory import MemoryStore

try:
    from soniq import JobContext
    from soniq.core import processor, retry
    from soniq.core.processor import process_job_via_backend
    from soniq.core.worker import Worker
    from soniq.features.scheduler import croniter  # type: ignore[attr-defined]
except ImportError:
    raise MissingExtra("soniq", "soniq") from None

__all__ = ["Adopted", "TaskqBackend", "dead_letters"]

Shown = Mapping[str, Mapping[str, Any]]
"""Rows by id. Who writes to one gets a TypeError: nothing would come of it."""


class TaskqBackend(Jobs):
    """Keeps the jobs of a real app on our engine: ``Soniq(backend=TaskqBackend())``.

    ``queue``: an own one of the engine, on any store; by default a fresh one in memory, that
    tells whatever time Soniq is told. The queue is its owner's to close. Workers and task names
    live as long as this object, and so do the tags of dead letters.
    """

    supports_push_notify = False
    supports_transactional_enqueue = False
    supports_advisory_locks = False

    def __init__(self, queue: Queue | None = None) -> None:
        if queue is not None and not isinstance(queue, Queue):
            raise BadOption(
                f"TaskqBackend keeps jobs on a queue of the engine. It was given {queue!r}. "
                f"Write TaskqBackend() for one in memory."
            )
        super().__init__(queue or Queue(MemoryStore(), _SoniqsClock()))
        self.workers = Workers(self.queue.clock)

    @property
    def dead_letter(self) -> SoniqDeadLetters:
        """What ``app.dead_letter`` is on PostgreSQL: list, get, replay, delete, count, tag."""
        return SoniqDeadLetters(self)

    @property
    def _jobs(self) -> Shown:
        # Where tests of apps on soniq's MemoryBackend look.
        rows = self.queue.sync(self.rows())
        return MappingProxyType({row["id"]: MappingProxyType(row) for row in rows})

    @property
    def _dead_letter_jobs(self) -> Shown:
        # As above: a MemoryBackend has no other way to them.
        letters = self.queue.sync(self.dead_letter.list_dead_letter_jobs())
        return MappingProxyType({each.id: MappingProxyType(asdict(each)) for each in letters})

    def acquire(self) -> NoReturn:
        """Refused with the ValueError of Soniq's own backends: there is no connection."""
        raise ValueError(
            "Transactional enqueue is not supported by TaskqBackend. It was asked for a "
            "connection, and has none. Leave connection= out; for dead letters use "
            "dead_letters(app) of pytest_taskq.adapters.soniq."
        )

    async def initialize(self) -> None:
        """Nothing is to be made."""

    async def close(self) -> None:
        """The jobs stay, as in Soniq's memory; the queue is its owner's to close."""

    async def notify_new_job(self, queue: str) -> None:
        """Nobody listens."""

    async def listen_for_jobs(
        self, callback: object, channel: str = "soniq_new_job"
    ) -> TaskqBackend:
        """Nothing is ever told; the answer can be closed."""
        return self

    async def register_worker(
        self,
        *,
        worker_id: str,
        hostname: str,
        pid: int,
        queues: list[str],
        concurrency: int,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """A worker begins, or begins anew."""
        self.workers.register(
            worker_id,
            hostname=hostname,
            pid=pid,
            queues=queues,
            concurrency=concurrency,
            metadata=metadata,
        )

    async def update_heartbeat(
        self, worker_id: str, metadata: dict[str, Any] | None = None
    ) -> None:
        """A worker lives, and keeps its jobs."""
        self.workers.heartbeat(worker_id, metadata)
        await self.renew_leases_of(worker_id)

    async def mark_worker_stopped(self, worker_id: str) -> None:
        """A worker has ended."""
        self.workers.stop(worker_id)

    async def cleanup_stale_workers(self, stale_threshold_seconds: float) -> int:
        """Put back the jobs of workers not heard of for so long; how many workers they were."""
        stale = self.workers.take_stale(stale_threshold_seconds)
        if stale:
            await self.requeue_jobs_of(stale)
        return len(stale)

    async def register_task_name(
        self, *, task_name: str, worker_id: str, args_model_repr: str | None = None
    ) -> None:
        """A worker can run jobs of this name."""
        self.workers.register_name(task_name, worker_id, args_model_repr)

    async def list_registered_task_names(self) -> list[dict[str, Any]]:
        """Rows by name and worker."""
        return self.workers.names()

    async def reset(self) -> None:
        """Forget all: jobs, dead letters, workers and names."""
        await self.queue.clear()
        self.forget()
        self.workers.clear()


def dead_letters(app: Any) -> SoniqDeadLetters:
    """The dead letters of a real app on a TaskqBackend, with the calls of ``app.dead_letter``.

    That one needs PostgreSQL. Raises BadOption for an app on another backend.
    """
    if not isinstance(app.backend, TaskqBackend):
        raise BadOption(
            f"Only the dead letters of a TaskqBackend can be looked at here. The app has "
            f"{app.backend!r}. Write Soniq(backend=TaskqBackend())."
        )
    return SoniqDeadLetters(app.backend, app.registry.__contains__)


class Adopted:
    """A real app for the length of a test: its backend is ours, and its workers' time too.

    The app itself is changed, so that every job bound to it follows, and changed back by
    ``close``. Jobs, hooks and middleware that are registered meanwhile are forgotten then.
    """

    def __init__(self, app: Any, queue: Queue) -> None:
        self.app = app
        self.backend = TaskqBackend(queue)
        self._run_worker = type(app).run_worker
        self._running = Running(app, self.backend, process_job_via_backend, self._make_worker)
        self._undo = ExitStack()
        for name, value in {
            "_backend": self.backend,
            "_initialized": True,
            "_closed": False,
            "_dead_letter": SoniqDeadLetters(self.backend, app.registry.__contains__),
            "_scheduler": None,
            "run_worker": self._run,
            "_middleware": [self._watch, *app._middleware],
            "_hooks": {name: [*hooks] for name, hooks in app._hooks.items()},
        }.items():
            self._undo.enter_context(replaced(app, name, value))
        self._undo.enter_context(restored(app.registry._registry))
        self._undo.callback(retry.set_rng, retry._rng)
        retry.set_rng(queue.rng)

    def under_test(self) -> UnderTest:
        """The app as the harness wants to see it."""
        return UnderTest(self.app, self.backend, self._running, JobContext, croniter)

    def close(self) -> None:
        """Give the app back as it was."""
        self._undo.close()

    async def _run(
        self,
        concurrency: int = 4,
        run_once: bool = False,
        queues: list[str] | None = None,
        shutdown_event: Any = None,
    ) -> Any:
        """``run_worker``; a live one waits for jobs as the clock says, in place of polling."""
        if run_once:
            with counted(self.backend.queue, waits=False):
                return await self._run_worker(self.app, concurrency, run_once, queues)
        return await self._running.live(concurrency, queues, shutdown_event)

    async def _watch(self, context: Any, call_next: Any) -> Any:
        """Middleware: what is enqueued in a job is its child, and what it raises is kept."""
        job = self.backend.in_hand.get(context.job_id)
        token = None if job is None else CURRENT_JOB.set((self.backend.queue, job.id))
        try:
            return await call_next(context)
        except Exception as error:
            self.backend.raised[context.job_id] = error
            raise
        finally:
            if token is not None:
                CURRENT_JOB.reset(token)

    def _make_worker(self) -> Worker:
        app = self.app
        return Worker(self.backend, app.registry, app.settings, metrics_sink=app.metrics_sink)


class _SoniqsClock(Clock):
    """Tells the time from which Soniq reckons its instants, frozen or not."""

    def now(self) -> int:
        # The module as Soniq has it: who freezes time for Soniq freezes it here too.
        nanoseconds: int = vars(processor)["time"].time_ns()
        return nanoseconds // 1000
