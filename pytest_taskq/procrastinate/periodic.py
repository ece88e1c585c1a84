"""Periodic tasks: which there are, and the jobs of their ticks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pytest_taskq.core.instants import Instant, to_micros
from pytest_taskq.core.job import Hold
from pytest_taskq.core.job import Job as Record
from pytest_taskq.core.schedule import Schedule, cron
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.ticker import Ticker, hold_of_tick
from pytest_taskq.procrastinate.exceptions import TaskAlreadyRegistered
from pytest_taskq.procrastinate.tasks import Task

__all__ = ["PeriodicRegistry", "PeriodicTask", "hold_of_periodic"]

SECOND = 1_000_000


@dataclass(frozen=True)
class PeriodicTask:
    """A task with a cron expression, of five fields or of six with the seconds last."""

    task: Task[..., Any]
    cron: str
    periodic_id: str
    configure_kwargs: Mapping[str, Any]

    @property
    def schedule(self) -> Schedule:
        """Its ticks, in UTC."""
        return cron(self.cron)

    def make(self, queue: Queue, at: Instant) -> Record:
        """The job of one tick: the options of the task, and the argument ``timestamp``."""
        given = self.configure_kwargs.get("task_kwargs") or {}
        kwargs = {**given, "timestamp": at // SECOND}
        return self.task.configure(**{**self.configure_kwargs, "task_kwargs": kwargs}).record(queue)


class PeriodicRegistry:
    """The periodic tasks of an app, by the names of task and schedule."""

    def __init__(self) -> None:
        self.periodic_tasks: dict[tuple[str, str], PeriodicTask] = {}
        self._tickers: list[Ticker] = []

    def register_task(
        self,
        task: Task[..., Any],
        cron: str,
        periodic_id: str,
        configure_kwargs: Mapping[str, Any],
    ) -> PeriodicTask:
        """Give a task one more schedule.

        Raises TaskAlreadyRegistered when it has one under this id, BadOption for an expression
        that cannot be read.
        """
        key = (task.name, periodic_id)
        if key in self.periodic_tasks:
            raise TaskAlreadyRegistered(
                f"{task.name} is periodic already. It has a schedule with the periodic_id "
                f"{periodic_id!r}. Give each of its schedules another periodic_id."
            )
        periodic = PeriodicTask(task, cron, periodic_id, configure_kwargs)
        _ = periodic.schedule
        self.periodic_tasks[key] = periodic
        for ticker in self._tickers:
            _add(ticker, periodic)
        return periodic

    def ticker(self, queue: Queue, *, max_delay: float | None = None) -> Ticker:
        """What enqueues the ticks that come from now on, on a queue.

        ``max_delay``: seconds after which a missed tick is dropped; None: never.
        """
        oldest = None if max_delay is None else to_micros(max_delay)
        ticker = Ticker(queue, oldest=oldest)
        for periodic in self.periodic_tasks.values():
            _add(ticker, periodic)
        self._tickers.append(ticker)
        return ticker

    def drop(self, ticker: Ticker) -> None:
        """Tell this one no more of new tasks."""
        self._tickers.remove(ticker)


def hold_of_periodic(task: str, periodic_id: str, timestamp: int) -> Hold:
    """The name that the job of a tick holds, whoever defers it. ``timestamp``: in seconds."""
    return hold_of_tick(_name(task, periodic_id), timestamp * SECOND)


def _add(ticker: Ticker, periodic: PeriodicTask) -> None:
    name = _name(periodic.task.name, periodic.periodic_id)
    ticker.add(name, periodic.schedule, partial(periodic.make, ticker.queue))


def _name(task: str, periodic_id: str) -> str:
    return f"{task}#{periodic_id}"
