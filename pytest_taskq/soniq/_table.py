"""The half of an app that looks at its jobs: rows, counts, and the end of it all."""

from __future__ import annotations

import logging
from collections import Counter
from types import TracebackType
from typing import Any, Self

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.job import Job, State
from pytest_taskq.core.outcome import Snoozed
from pytest_taskq.core.store import JobQuery
from pytest_taskq.engine.queue import Queue
from pytest_taskq.soniq._rows import STATUS, job_number, row_of
from pytest_taskq.soniq.backend import MemoryBackend
from pytest_taskq.soniq.errors import SONIQ_APP_CLOSED, SoniqError
from pytest_taskq.soniq.settings import SoniqSettings

__all__ = ["Table"]

STATUSES = tuple(STATUS.values())
STATES = {status: state for state, status in STATUS.items() if state is not State.DEAD}


class Table:
    """The jobs of a backend as rows, until it is closed."""

    def __init__(self, backend: MemoryBackend, settings: SoniqSettings) -> None:
        self._backend = backend
        self._settings = settings
        self._closed = False
        self._initialized = False

    @property
    def settings(self) -> SoniqSettings:
        """The settings in force."""
        return self._settings

    @property
    def backend(self) -> MemoryBackend:
        """Where the jobs are."""
        return self._backend

    @property
    def is_initialized(self) -> bool:
        """Whether it was used, and is not closed."""
        return self._initialized

    @property
    def is_closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    async def get_job(self, job_id: str) -> dict[str, Any] | None:
        """The row of a job, of a dead letter too; None for an unknown id. A fresh copy."""
        job = await self._open().get(job_number(job_id))
        return None if job is None else self._row(job)

    async def get_result(self, job_id: str, *, result_model: Any = None) -> Any:
        """What a done job returned; None for any other job.

        With a ``result_model``, a pydantic model or any class, the value as one of these.
        """
        row = await self.get_job(job_id)
        result = None if row is None else row["result"]
        if result is None or result_model is None:
            return result
        validate = getattr(result_model, "model_validate", None)
        if callable(validate):
            return validate(result)
        return result_model(**result) if isinstance(result, dict) else result_model(result)

    async def list_jobs(
        self,
        queue: str | None = None,
        status: str | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[dict[str, Any]]:
        """The rows of a queue or status, the newest first; dead letters are not among them.

        Raises BadOption for a status that there is none of.
        """
        if status is not None and status not in STATUSES:
            raise BadOption(
                f"The status of a row is one of {', '.join(STATUSES)}. It is {status!r}. "
                f"Write one of these, or leave it out for all."
            )
        states = frozenset(s for name, s in STATES.items() if status in {None, name})
        queues = None if queue is None else frozenset({queue})
        jobs = await self._open().find(JobQuery(states=states, queues=queues))
        return [self._row(job) for job in jobs[::-1][offset : offset + limit]]

    async def cancel_job(self, job_id: str) -> bool:
        """Cancel a queued job; False when it is not queued any more."""
        queue = self._open()
        job = await queue.get(job_number(job_id))
        if job is None or job.state is not State.QUEUED:
            return False
        return await queue.cancel(job.id) is not None

    async def delete_job(self, job_id: str) -> bool:
        """Forget a job; False for a dead letter and an unknown id."""
        queue = self._open()
        job = await queue.get(job_number(job_id))
        if job is None or job.state is State.DEAD:
            return False
        return bool(await queue.delete([job]))

    async def get_queue_stats(self) -> dict[str, int]:
        """How many jobs there are of each status, and in ``total``."""
        counts = Counter(STATUS[job.state] for job in await self._open().find())
        return {"total": counts.total(), **{name: counts[name] for name in STATUS.values()}}

    async def ensure_initialized(self) -> None:
        """Every call of the app does this itself. Raises SoniqError after ``close``."""
        self._open()

    async def close(self) -> None:
        """End what runs, and close the backend. A second call only logs a warning."""
        if self._closed:
            logging.getLogger(__name__).warning("This app is closed already.")
            return
        await self._closing()
        self._closed = True
        self._initialized = False
        await self._backend.queue.aclose()

    async def _closing(self) -> None:
        """What is to be done before the backend is closed."""

    async def __aenter__(self) -> Self:
        self._open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _reset(self) -> None:
        """Forget all jobs, dead letters too; what is registered and scheduled stays."""
        await self._open().clear()
        self._backend.tags.clear()

    def _row(self, job: Job) -> dict[str, Any]:
        row = row_of(job, result_ttl=self._settings.result_ttl)
        if job.state is State.QUEUED and job.started_at is not None:
            outcome = self._backend.queue.history.of(job.id)[-1].outcome
            if isinstance(outcome, Snoozed) and not outcome.counts:
                row["last_error"] = f"SNOOZE: {outcome.reason}" if outcome.reason else "SNOOZE"
        return row

    def _open(self) -> Queue:
        """The engine's queue. Raises SoniqError after ``close``."""
        if self._closed:
            raise SoniqError(
                "This app is closed.",
                SONIQ_APP_CLOSED,
                suggestions=["Use it before close(), or make a new one."],
            )
        self._initialized = True
        return self._backend.queue
