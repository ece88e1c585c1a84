"""Jobs in hand that sleep: nothing but time will end them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pytest_taskq.core.errors import NotFinished
from pytest_taskq.core.job import Job, State
from pytest_taskq.engine.clock import take_turns
from pytest_taskq.testing.describe import describe_clock, frames_of

if TYPE_CHECKING:
    from pytest_taskq.engine.under_test import AppUnderTest

__all__ = ["check_none_sleeps"]

SLEEP = ("sleep", asyncio.tasks.__file__)


async def check_none_sleeps(
    call: str,
    apps: Sequence[AppUnderTest],
    only: Callable[[AppUnderTest, Job], bool] | None,
) -> None:
    """Raise NotFinished for a job that another worker has in hand, asleep on a held clock."""
    if all(app.clock.mode != "held" for app in apps) or len(asyncio.all_tasks()) == 1:
        return
    await take_turns()  # for a job to come to where it sleeps
    asleep = _codes_asleep()
    for app in apps if asleep else ():
        tasks = app.tasks()
        for job in app.jobs():
            if job.state is not State.RUNNING or not (only is None or only(app, job)):
                continue
            info = tasks.get(job.task)
            if info is not None and _code_of(info.function) in asleep:
                worker = "another worker" if job.lease is None else job.lease.worker
                raise NotFinished(
                    f"{call} does not come to an end. Job #{job.id} ({job.task}) is in the hands "
                    f"of {worker} and sleeps. {describe_clock(app.clock)} Let time pass with "
                    f"`await taskq.clock.elapse(...)`, or drain(until=...); or say only= which "
                    f"jobs are meant."
                )


def _code_of(function: Callable[..., Any] | None) -> object:
    return getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None


def _codes_asleep() -> set[object]:
    """The code of each function that waits for an ``asyncio.sleep``, however deep below."""
    codes: set[object] = set()
    for task in asyncio.all_tasks():
        frames = [frame.f_code for frame in frames_of(task)]
        if frames and (frames[-1].co_name, frames[-1].co_filename) == SLEEP:
            codes.update(frames)
    return codes
