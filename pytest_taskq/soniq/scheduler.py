"""The scheduler of an app: jobs that come again, at exact instants of the app's clock."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.instants import Instant, to_datetime, to_instant
from pytest_taskq.core.job import Job
from pytest_taskq.core.schedule import Schedule, cron, every
from pytest_taskq.core.store import Refusal
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.ticker import Ticker
from pytest_taskq.soniq._registry import Registration, check_name, name_of
from pytest_taskq.soniq._rows import row_id

__all__ = ["Scheduler", "periodic_schedule", "schedule_of"]

Row = dict[str, Any]
Rows = list[Row]
MakeJob = Callable[[str, dict[str, Any], str, int], Job]


@dataclass
class _Entry:
    """One schedule, with the fields that the library shows."""

    id: str
    name: str
    created_at: datetime
    schedule_type: str = ""
    schedule_value: str = ""
    priority: int = 100
    queue: str = "default"
    max_attempts: int = 3
    args: dict[str, Any] = field(default_factory=dict)
    status: str = "active"
    last_run: datetime | None = None
    next_run: datetime | None = None
    run_count: int = 0
    last_job_id: str | None = None


class Scheduler:
    """``app.scheduler``. Nothing is enqueued until ``start()``; its schedules live in the app.

    Each job is enqueued at its instant, not at the next check. Ticks that were missed, because
    the clock was moved past them, give one job, and an interval then counts on from there.
    """

    def __init__(
        self,
        queue: Queue,
        registered: Mapping[str, Registration],
        pattern: Callable[[], str],
        make: MakeJob,
    ) -> None:
        self._queue = queue
        self._registered = registered
        self._pattern = pattern
        self._make = make
        self._entries: dict[str, _Entry] = {}
        self._ticker = Ticker(queue, missed="last")
        self._task: asyncio.Task[None] | None = None
        self._check_interval = 30

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._task is not None

    @property
    def check_interval(self) -> int:
        """As it was given to ``start()``; without a meaning here."""
        return self._check_interval

    @property
    def ticker(self) -> Ticker | None:
        """What a worker asks for the jobs that are due; None while it does not run."""
        return self._ticker if self.running else None

    async def add(
        self,
        target: Callable[..., Any] | str,
        *,
        cron: object = None,
        every: timedelta | float | None = None,
        args: dict[str, Any] | None = None,
        queue: str | None = None,
        priority: int | None = None,
        max_attempts: int | None = None,
        name: str | None = None,
    ) -> str:
        """Enqueue a job at each tick, in place of the schedule of its name; the name.

        ``cron``: an expression of 5 fields, in UTC. ``every``: a timedelta or seconds; the first
        job comes one interval from now. Raises BadOption for a bad schedule, SoniqError for a
        bad name.
        """
        if name is not None or isinstance(target, str):
            job_name = check_name(target if name is None else name, self._pattern())
        else:
            job_name = name_of(target)
        kind, value = schedule_of(cron, every)
        kept = _json_of(args or {})
        job, now = self._registered.get(job_name), self._queue.clock.time()
        schedule = _engine_schedule(kind, value)
        number = len(self._entries) + 1
        old = self._entries.get(job_name) or _Entry(uuid.UUID(int=number).hex, job_name, now)
        entry = replace(
            old,
            schedule_type=kind,
            schedule_value=value,
            priority=(job.priority if job else 100) if priority is None else priority,
            queue=(job.queue if job else "default") if queue is None else queue,
            max_attempts=max_attempts or (job.max_attempts if job else 3),
            args=kept,
            next_run=to_datetime(schedule.next_after(to_instant(now))),
        )
        self._make(job_name, kept, entry.queue, entry.priority)  # raises what enqueue would
        self._entries[job_name] = entry
        self._set_ticking(entry)
        return job_name

    async def pause(self, name: str) -> bool:
        """Enqueue no more of it for now; False when there is no such schedule."""
        return self._set_status(name, "paused")

    async def resume(self, name: str) -> bool:
        """Go on with it. A tick that passed meanwhile gives one job, at once."""
        return self._set_status(name, "active")

    async def remove(self, name: str) -> bool:
        """Forget it; False when there is no such schedule."""
        self._ticker.remove(name)
        return self._entries.pop(name, None) is not None

    async def list(self, status: str | None = None) -> Rows:
        """The schedules, of one status or all."""
        entries = self._entries.values()
        return [asdict(entry) for entry in entries if status in {None, entry.status}]

    async def get(self, name: str) -> Row | None:
        """One schedule; None when there is no such."""
        entry = self._entries.get(name)
        return None if entry is None else asdict(entry)

    async def start(self, check_interval: int = 30) -> None:
        """Begin, with the jobs of ``app.periodic`` too. A second call does nothing."""
        if self.running:
            return
        self._check_interval = max(1, int(check_interval))
        for name, job in [*self._registered.items()]:
            if (spec := job.meta.get("periodic")) is not None:
                await self.add(name, **spec)
        self._task = asyncio.create_task(self._ticker.run_forever())

    async def stop(self) -> None:
        """Enqueue no more. The schedules stay."""
        task, self._task = self._task, None
        if task is not None and not task.get_loop().is_closed():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _set_status(self, name: str, status: str) -> bool:
        entry = self._entries.get(name)
        if entry is None:
            return False
        if entry.status != status:
            entry.status = status
            self._set_ticking(entry)
        return True

    def _set_ticking(self, entry: _Entry) -> None:
        """Let the ticker know of the next run of an entry, which it has to make."""
        if entry.status != "active" or entry.next_run is None:
            self._ticker.remove(entry.name)
            return
        schedule = _engine_schedule(entry.schedule_type, entry.schedule_value)

        def make(_tick: Instant) -> Job:
            return self._make(entry.name, entry.args, entry.queue, entry.priority)

        def told(_tick: Instant, answer: Job | Refusal) -> None:
            self._note(entry, schedule, answer)

        # The instant before which the next tick is the wanted one.
        before = to_instant(entry.next_run) - 1
        if entry.schedule_type == "interval":
            before -= int(entry.schedule_value) * 1_000_000 - 1
        self._ticker.add(entry.name, schedule, make, after=before, told=told)

    def _note(self, entry: _Entry, schedule: Schedule, answer: Job | Refusal) -> None:
        number = answer.id if isinstance(answer, Job) else answer.holder
        entry.last_run = self._queue.clock.time()
        entry.run_count += 1
        entry.last_job_id = None if number is None else row_id(number)
        entry.next_run = to_datetime(schedule.next_after(to_instant(entry.last_run)))
        if self._entries.get(entry.name) is entry:
            self._set_ticking(entry)


def schedule_of(cron_text: object, interval: timedelta | float | None) -> tuple[str, str]:
    """The kind and value of a schedule. Raises BadOption unless there is exactly one of sense."""
    if (cron_text is None) == (interval is None):
        raise BadOption(
            f"A schedule has either cron= or every=. They are {cron_text!r} and {interval!r}. "
            f'Write for example cron="*/5 * * * *", or every=30 for half a minute.'
        )
    if interval is None:
        text = str(cron_text)
        if len(text.split()) != 5:
            raise BadOption(
                f"A cron expression of soniq has 5 fields. {text!r} has not. "
                f"Write for example '*/5 * * * *'."
            )
        cron(text)
        return "cron", text
    if isinstance(interval, bool) or not isinstance(interval, timedelta | int | float):
        raise TypeError(
            f"every= is a timedelta or seconds. It is a {type(interval).__name__}. "
            f"Write for example every=30."
        )
    seconds = int(interval.total_seconds() if isinstance(interval, timedelta) else interval)
    if seconds < 1:
        raise BadOption(
            f"every= is a second or more. It is {interval!r}. Write for example every=30."
        )
    return "interval", str(seconds)


def periodic_schedule(cron_text: object, interval: timedelta | float | None) -> Schedule:
    """The engine's schedule. Raises as ``schedule_of``."""
    return _engine_schedule(*schedule_of(cron_text, interval))


def _json_of(args: dict[str, Any]) -> dict[str, Any]:
    try:
        return dict(json.loads(json.dumps(args)))
    except (TypeError, ValueError):
        raise BadOption(
            f"The args of a schedule must be JSON. They are {args!r}. Pass dicts, lists, texts, "
            f"numbers, booleans and None."
        ) from None


def _engine_schedule(kind: str, value: str) -> Schedule:
    return cron(value) if kind == "cron" else every(timedelta(seconds=int(value)))
