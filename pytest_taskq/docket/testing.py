"""Assertions on what is scheduled on a docket; tasks that run already do not count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_taskq.docket._states import TaskFunction
from pytest_taskq.docket.docket import Docket
from pytest_taskq.docket.execution import Execution

__all__ = [
    "assert_no_tasks",
    "assert_task_count",
    "assert_task_not_scheduled",
    "assert_task_scheduled",
]


async def assert_task_scheduled(
    docket: Docket,
    function: TaskFunction | str,
    *,
    args: tuple[Any, ...] | None = None,
    kwargs: dict[str, Any] | None = None,
    key: str | None = None,
) -> None:
    """Fail unless the task is scheduled, with these arguments and this key if they are given.

    ``args`` are all positional ones, ``kwargs`` some of the keyword arguments.
    """
    future = (await docket.snapshot()).future
    if any(_fits(one, function, args, kwargs, key) for one in future):
        return
    wanted = _wanted(function, args, kwargs, key)
    if not future:
        raise AssertionError(f"Task {wanted} not found: no tasks scheduled on docket.")
    raise AssertionError(f"Task {wanted} not found.{_listed(future)}")


async def assert_task_not_scheduled(
    docket: Docket,
    function: TaskFunction | str,
    *,
    args: tuple[Any, ...] | None = None,
    kwargs: dict[str, Any] | None = None,
    key: str | None = None,
) -> None:
    """Fail when the task is scheduled, in the sense of ``assert_task_scheduled``."""
    future = (await docket.snapshot()).future
    found = [one for one in future if _fits(one, function, args, kwargs, key)]
    if found:
        wanted = _wanted(function, args, kwargs, key)
        raise AssertionError(f"Task {wanted} found but should not be scheduled.{_listed(found)}")


async def assert_task_count(
    docket: Docket, function: TaskFunction | str | None = None, *, count: int
) -> None:
    """Fail unless so many tasks are scheduled, of one function or in all."""
    future = (await docket.snapshot()).future
    if function is not None:
        future = [one for one in future if _fits(one, function)]
    if len(future) != count:
        of = f" for {_name(function)}" if function is not None else ""
        raise AssertionError(f"Expected {count} tasks{of}, found {len(future)}.{_listed(future)}")


async def assert_no_tasks(docket: Docket) -> None:
    """Fail when anything is scheduled."""
    future = (await docket.snapshot()).future
    if future:
        raise AssertionError(f"Expected no tasks, found {len(future)}.{_listed(future)}")


def _fits(
    execution: Execution,
    function: TaskFunction | str,
    args: tuple[Any, ...] | None = None,
    kwargs: dict[str, Any] | None = None,
    key: str | None = None,
) -> bool:
    return (
        execution.function_name == _name(function)
        and (args is None or execution.args == args)
        and (kwargs is None or kwargs.items() <= execution.kwargs.items())
        and (key is None or execution.key == key)
    )


def _name(function: TaskFunction | str) -> str:
    return function if isinstance(function, str) else function.__name__


def _wanted(
    function: TaskFunction | str,
    args: tuple[Any, ...] | None,
    kwargs: dict[str, Any] | None,
    key: str | None,
) -> str:
    conditions = {"args": args, "kwargs": kwargs, "key": key}
    given = [f"{name}={value!r}" for name, value in conditions.items() if value is not None]
    return f"{_name(function)} with {', '.join(given)}" if given else _name(function)


def _listed(executions: Sequence[Execution]) -> str:
    if not executions:
        return " Nothing is scheduled."
    lines = [
        f"\n  {one.function_name}, args={one.args!r}, kwargs={one.kwargs!r}, key={one.key!r}"
        for one in executions
    ]
    return " Scheduled:" + "".join(lines)
