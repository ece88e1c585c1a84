"""When a task would be tried again, and when a periodic one runs next, as plain lists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.schedule import Cron
from pytest_taskq.engine.under_test import TaskInfo

__all__ = ["cron_plan", "retry_plan"]


def retry_plan(task: TaskInfo, error: BaseException | None, limit: int) -> list[timedelta]:
    """See ``Harness.retry_plan``."""
    plan: list[timedelta] = []
    failure = Exception("any error") if error is None else error
    while task.delay is not None and len(plan) < limit:
        delay = task.delay(len(plan) + 1, failure)
        if delay is None:
            break
        plan.append(delay)
    return plan


def cron_plan(task: TaskInfo, n: int, now: int) -> list[datetime]:
    """See ``Harness.cron_plan``. Raises BadOption for a task without a schedule."""
    schedule = task.schedule
    if schedule is None:
        raise BadOption(
            f"The task {task.name!r} runs at no times of its own. It has no schedule. "
            f"Use cron_plan() for periodic tasks, retry_plan() for the others."
        )
    zone = schedule.zone if isinstance(schedule, Cron) else UTC
    plan: list[datetime] = []
    for _ in range(n):
        now = schedule.next_after(now)
        plan.append(to_datetime(now).astimezone(zone))
    return plan
