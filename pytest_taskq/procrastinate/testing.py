"""The connector in memory, and its jobs as a test wants to read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Self, overload

from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import JobId, State
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.history import Event
from pytest_taskq.engine.queue import Queue
from pytest_taskq.procrastinate._records import row_of
from pytest_taskq.procrastinate.exceptions import AppNotOpen
from pytest_taskq.stores.memory import MemoryStore

__all__ = ["InMemoryConnector", "JobRow", "JobsView", "NotThere"]

ALIASES = {"queue": "queue_name", "task_kwargs": "args"}
SHOWN = 5


class NotThere(KeyError, IndexError):
    """A job was asked for, by its id or its position, that is not there.

    Both a KeyError and an IndexError, as ``jobs`` is read by ids and by positions.
    """

    def __str__(self) -> str:
        # A KeyError would show the repr of its message.
        return str(self.args[0])


class InMemoryConnector:
    """Keeps the jobs of an app in memory, with the rules of Procrastinate's database.

    It has to be opened before its first use, as a database has (``app.open()``), and lives on
    real time. ``queue`` is the engine under it: its clock, and the history of its jobs.
    """

    def __init__(self) -> None:
        self.queue = Queue(MemoryStore(), Clock.present())
        self.is_open = False
        self._reset_at = 0

    @classmethod
    def on_queue(cls, queue: Queue) -> Self:
        """A connector on a queue of the engine, already open."""
        connector = cls()
        connector.queue = queue
        connector.is_open = True
        return connector

    @property
    def jobs(self) -> JobsView:
        """Every job by its id, finished ones included: always as they are now."""
        return JobsView(self.queue)

    @property
    def finished_jobs(self) -> list[JobRow]:
        """The jobs that have succeeded or failed."""
        return [row for row in self.jobs.values() if row["status"] in {"succeeded", "failed"}]

    @property
    def events(self) -> dict[JobId, list[dict[str, Any]]]:
        """What happened to each job: dicts with ``type`` and ``at``, in order."""
        events: dict[JobId, list[dict[str, Any]]] = {job_id: [] for job_id in self.jobs}
        for event in islice(self.queue.history, self._reset_at, None):
            if event.job.id in events:
                events[event.job.id] += _told(event)
        return events

    def reset(self) -> None:
        """Forget every job; the ids begin anew."""
        self.queue.sync(self.queue.clear())
        self._reset_at = len(self.queue.history)

    def get_worker_connector(self) -> Self:
        """The connector for a worker, as Django's has one: this one serves both."""
        return self

    def open(self) -> None:
        """Allow use."""
        self.is_open = True

    def close(self) -> None:
        """Refuse use until it is opened again. The jobs stay, and can be read."""
        self.is_open = False

    async def open_async(self) -> None:
        """See ``open``."""
        self.open()

    async def close_async(self) -> None:
        """See ``close``."""
        self.close()

    def require_open(self) -> Queue:
        """The queue to work on. Raises AppNotOpen."""
        if not self.is_open:
            raise AppNotOpen(
                "The app is not open. It was never opened, or it was closed again. Use it inside "
                "`with app.open():` or `async with app.open_async():`."
            )
        return self.queue


class JobRow(Mapping[str, Any]):
    """One job, read as ``row["status"]`` or ``row.status``: always as it is now.

    The keys are those of the library's rows; ``queue`` and ``task_kwargs`` are taken too.
    ``args`` is a copy. Raises NotThere for a job that was deleted.
    """

    __slots__ = ("_id", "_queue")

    def __init__(self, queue: Queue, job_id: JobId) -> None:
        self._queue = queue
        self._id = job_id

    def __getitem__(self, key: str) -> Any:
        return self._row()[ALIASES.get(key, key)]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        row = self._row()
        try:
            return row[ALIASES.get(name, name)]
        except KeyError:
            raise AttributeError(
                f"A job has no {name!r}. It has {', '.join(row)}. Use one of these."
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._row())

    def __len__(self) -> int:
        return len(self._row())

    def __repr__(self) -> str:
        return repr(self._row())

    def _row(self) -> dict[str, Any]:
        record = self._queue.sync(self._queue.get(self._id))
        if record is None:
            raise NotThere(
                f"Job {self._id} was deleted. {_ids_there(_ids(self._queue))} "
                f"Read it before that, or run the worker without delete_jobs."
            )
        return row_of(record)


class JobsView(Mapping[JobId, JobRow]):
    """Every job of a connector, always as it is now.

    A mapping of ids, as in the library. Ids begin at 1, so that 0, negative numbers and slices
    are free to mean positions, oldest first: ``jobs[0]`` is the first job, ``jobs[-1]`` the last
    one, ``jobs[:3]`` a list. Raises NotThere, and ``get`` gives None, for a job that is not there.
    """

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    @overload
    def __getitem__(self, key: JobId) -> JobRow: ...
    @overload
    def __getitem__(self, key: slice) -> list[JobRow]: ...
    def __getitem__(self, key: object) -> JobRow | list[JobRow]:
        if isinstance(key, slice):
            return [JobRow(self._queue, job_id) for job_id in _ids(self._queue)[key]]
        if isinstance(key, int) and key in self:
            return JobRow(self._queue, key)
        ids = _ids(self._queue)
        if ids and isinstance(key, int) and -len(ids) <= key <= 0:
            return JobRow(self._queue, ids[key])
        raise NotThere(
            f"There is no job {key!r}. {_ids_there(ids)} Ask for one of these ids, or for a "
            f"position: jobs[0] is the oldest job, jobs[-1] the newest."
            if ids
            else f"There is no job {key!r}. {_ids_there(ids)} Defer one first, on this connector."
        )

    def __contains__(self, key: object) -> bool:
        return isinstance(key, int) and self._queue.sync(self._queue.get(key)) is not None

    def __iter__(self) -> Iterator[JobId]:
        return iter(_ids(self._queue))

    def __len__(self) -> int:
        return len(_ids(self._queue))

    def __repr__(self) -> str:
        return repr(dict(self))


def _ids(queue: Queue) -> list[JobId]:
    return [record.id for record in queue.sync(queue.find())]


def _ids_there(ids: list[JobId]) -> str:
    """One sentence on the ids there are."""
    if not ids:
        return "The connector has no jobs."
    shown = ", ".join(map(str, ids[:SHOWN]))
    rest = f" and {len(ids) - SHOWN} more up to {ids[-1]}" if len(ids) > SHOWN else ""
    return f"The ids are {shown}{rest}."


def _told(event: Event) -> list[dict[str, Any]]:
    """The library's events for one of the engine's."""
    job = event.job
    at = to_datetime(event.at)
    match event.verb, job.state:
        case "enqueue", _:
            deferred = {"type": "deferred", "at": at}
            scheduled = {"type": "scheduled", "at": to_datetime(job.due_at)}
            return [scheduled, deferred] if job.labels else [deferred]
        case "finish" | "expire", State.QUEUED:
            told = "deferred_for_retry"
        case "claim", _:
            told = "started"
        case "finish" | "expire", State.SUCCEEDED:
            told = "succeeded"
        case "finish" | "expire", State.DEAD:
            told = "failed"
        case "finish" | "expire", State.CANCELLED:
            told = "aborted"
        case "cancel", State.CANCELLED:
            told = "cancelled"
        case "cancel", _:
            told = "abort_requested"
        case "requeue", _:
            told = "retried"
        case _:
            return []
    return [{"type": told, "at": at}]
