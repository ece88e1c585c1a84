"""Jobs with arguments that their task does not take: there is no line of the user's in the error.

What raises it is our own call, or the library's, of the task's function.
"""

from __future__ import annotations

from traceback import walk_tb
from typing import TYPE_CHECKING

from pytest_taskq.core.job import Job
from pytest_taskq.testing.binding import parameters_of
from pytest_taskq.testing.describe import is_library

if TYPE_CHECKING:
    from pytest_taskq.testing.moments import AppShown

__all__ = ["is_misfit"]


def is_misfit(app: AppShown, job: Job, error: BaseException) -> bool:
    """Whether an attempt has failed because its task cannot be called so."""
    if type(error) is not TypeError:
        return False
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    if frames and not is_library(frames[-1].f_code.co_filename):
        return False
    parameters = parameters_of(app.tasks().get(job.task))
    if parameters is None:
        return False
    try:
        told = app.tell(job)
    except Exception:  # noqa: BLE001 - a payload that cannot be read is another error
        return False
    try:
        parameters.bind(told.args, told.kwargs)
    except TypeError:
        return True
    return False
