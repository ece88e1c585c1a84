"""The jobs of a queue as rows, live, for a test to read: by id, by position, by attribute."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, overload

from pytest_taskq.core.job import Job, JobId
from pytest_taskq.engine.queue import Queue

__all__ = ["JobRow", "JobsView", "NotThere"]

ALIASES = {"queue": "queue_name", "task_kwargs": "args"}
SHOWN = 5

RowOf = Callable[[Job], dict[str, Any]]
Write = Callable[[JobId, str, Any], None]


class NotThere(KeyError, IndexError):
    """A job was asked for, by its id or its position, that is not there.

    Both a KeyError and an IndexError, as ``jobs`` is read by ids and by positions.
    """

    def __str__(self) -> str:
        # A KeyError would show the repr of its message.
        return str(self.args[0])


class JobRow(Mapping[str, Any]):
    """One job, read as ``row["status"]`` or ``row.status``: always as it is now.

    The keys are those of the library's rows; ``queue`` and ``task_kwargs`` are taken too.
    ``args`` is a copy. Raises NotThere for a job that was deleted. With ``write`` a column may be
    set: ``row["status"] = "failed"``.
    """

    __slots__ = ("_id", "_queue", "_row_of", "_write")

    def __init__(
        self, queue: Queue, row_of: RowOf, job_id: JobId, write: Write | None = None
    ) -> None:
        self._queue = queue
        self._row_of = row_of
        self._id = job_id
        self._write = write

    def __getitem__(self, key: str) -> Any:
        return self._row()[ALIASES.get(key, key)]

    def __setitem__(self, key: str, value: Any) -> None:
        if self._write is None:
            raise TypeError(
                f"The row of a job can only be read here. {key!r} was to be set. Defer a job that "
                f"has it so, or let time pass and the worker run until it has."
            )
        self._write(self._id, ALIASES.get(key, key), value)

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
        return self._row_of(record)


class JobsView(Mapping[JobId, JobRow]):
    """Every job of a connector, always as it is now.

    A mapping of ids, as in the library. Ids begin at 1, so that 0, negative numbers and slices
    are free to mean positions, oldest first: ``jobs[0]`` is the first job, ``jobs[-1]`` the last
    one, ``jobs[:3]`` a list. Raises NotThere, and ``get`` gives None, for a job that is not there.
    """

    def __init__(self, queue: Queue, row_of: RowOf, write: Write | None = None) -> None:
        self._queue = queue
        self._row_of = row_of
        self._write = write

    @property
    def first(self) -> JobRow:
        """The oldest job."""
        return self.nth(0)

    @property
    def last(self) -> JobRow:
        """The newest job."""
        return self.nth(-1)

    def nth(self, position: int) -> JobRow:
        """The job at a position, 0 being the oldest and -1 the newest."""
        ids = _ids(self._queue)
        if not -len(ids) <= position < len(ids):
            raise NotThere(f"There is no job at position {position}. {_ids_there(ids)}")
        return self._row(ids[position])

    @overload
    def __getitem__(self, key: JobId) -> JobRow: ...
    @overload
    def __getitem__(self, key: slice) -> list[JobRow]: ...
    def __getitem__(self, key: object) -> JobRow | list[JobRow]:
        if isinstance(key, slice):
            return [self._row(job_id) for job_id in _ids(self._queue)[key]]
        if isinstance(key, int) and key in self:
            return self._row(key)
        ids = _ids(self._queue)
        if ids and isinstance(key, int) and -len(ids) <= key <= 0:
            return self._row(ids[key])
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

    def _row(self, job_id: JobId) -> JobRow:
        return JobRow(self._queue, self._row_of, job_id, self._write)


def _ids(queue: Queue) -> list[JobId]:
    return [record.id for record in queue.sync(queue.find())]


def _ids_there(ids: list[JobId]) -> str:
    """One sentence on the ids there are."""
    if not ids:
        return "The connector has no jobs."
    shown = ", ".join(map(str, ids[:SHOWN]))
    rest = f" and {len(ids) - SHOWN} more up to {ids[-1]}" if len(ids) > SHOWN else ""
    return f"The ids are {shown}{rest}."
