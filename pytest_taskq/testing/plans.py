"""When a task would be tried again, and when a periodic one runs next, as plain lists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.schedule import Cron
from pytest_taskq.engine.under_test import TaskInfo
from pytest_taskq.testing.text import in_one_line

__all__ = ["cron_plan", "retry_plan"]


def retry_plan(
    task: TaskInfo, error: BaseException | type[BaseException] | None, limit: int
) -> list[timedelta]:
    """See ``Harness.retry_plan``."""
    _check_count("limit", limit)
    plan: list[timedelta] = []
    failure = _made(error)
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
    _check_count("n", n)
    zone = schedule.zone if isinstance(schedule, Cron) else UTC
    plan: list[datetime] = []
    for _ in range(n):
        now = schedule.next_after(now)
        plan.append(to_datetime(now).astimezone(zone))
    return plan


def _made(error: object) -> BaseException:
    if error is None:
        return Exception("any error")
    if isinstance(error, type) and issubclass(error, BaseException):
        return error()
    if isinstance(error, BaseException):
        return error
    raise BadOption(
        f"retry_plan() asks the policy about an exception. It was given {in_one_line(error)}. "
        f"Give an instance or a class."
    )


def _check_count(name: str, count: object) -> None:
    if type(count) is not int or count < 1:
        raise BadOption(
            f"A plan has a length of 1 or more. {name} is {in_one_line(count)}. Give a number."
        )
