"""Everything a task may ask for as the default of a parameter."""

from __future__ import annotations

from pytest_taskq.docket._current import (
    CurrentDocket,
    CurrentExecution,
    CurrentWorker,
    TaskKey,
    TaskLogger,
)
from pytest_taskq.docket._dependency import (
    Dependency,
    current_docket,
    current_execution,
    current_worker,
)
from pytest_taskq.docket._depends import Depends
from pytest_taskq.docket._perpetual import Perpetual
from pytest_taskq.docket._retry import ExponentialRetry, ForcedRetry, Retry
from pytest_taskq.docket._timeout import Timeout

__all__ = [
    "CurrentDocket",
    "CurrentExecution",
    "CurrentWorker",
    "Dependency",
    "Depends",
    "ExponentialRetry",
    "ForcedRetry",
    "Perpetual",
    "Retry",
    "TaskKey",
    "TaskLogger",
    "Timeout",
    "current_docket",
    "current_execution",
    "current_worker",
]
