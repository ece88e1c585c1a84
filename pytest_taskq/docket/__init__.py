"""A facade that speaks as docket 0.27 does, over the engine; the submodules are the library's."""

from __future__ import annotations

from datetime import datetime as datetime

from pytest_taskq.docket import testing
from pytest_taskq.docket.agenda import Agenda
from pytest_taskq.docket.annotations import Logged
from pytest_taskq.docket.dependencies import (
    CallArgument,
    ConcurrencyLimit,
    Cooldown,
    Cron,
    CurrentDocket,
    CurrentExecution,
    CurrentWorker,
    CycleError,
    Debounce,
    Depends,
    ExponentialRetry,
    Perpetual,
    Progress,
    RateLimit,
    Retry,
    Shared,
    TaskArgument,
    TaskKey,
    TaskLogger,
    Timeout,
)
from pytest_taskq.docket.docket import Docket
from pytest_taskq.docket.execution import (
    Disposition,
    Execution,
    ExecutionCancelled,
    ExecutionState,
    TaskCall,
)
from pytest_taskq.docket.recording import RecordedCall, RecordingDocket
from pytest_taskq.docket.strikelist import StrikeList
from pytest_taskq.docket.worker import Worker

__version__ = "0.27.0"
"""The version of the library that this speaks as."""

__all__ = [
    "Agenda",
    "CallArgument",
    "ConcurrencyLimit",
    "Cooldown",
    "Cron",
    "CurrentDocket",
    "CurrentExecution",
    "CurrentWorker",
    "CycleError",
    "Debounce",
    "Depends",
    "Disposition",
    "Docket",
    "Execution",
    "ExecutionCancelled",
    "ExecutionState",
    "ExponentialRetry",
    "Logged",
    "Perpetual",
    "Progress",
    "RateLimit",
    "RecordedCall",
    "RecordingDocket",
    "Retry",
    "Shared",
    "StrikeList",
    "TaskArgument",
    "TaskCall",
    "TaskKey",
    "TaskLogger",
    "Timeout",
    "Worker",
    "__version__",
    "testing",
]
