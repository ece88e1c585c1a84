"""A facade that speaks as docket 0.27 does, over the engine; the submodules are the library's."""

from __future__ import annotations

from pytest_taskq.docket.dependencies import (
    CurrentDocket,
    CurrentExecution,
    CurrentWorker,
    Depends,
    ExponentialRetry,
    Perpetual,
    Retry,
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
)
from pytest_taskq.docket.recording import RecordedCall, RecordingDocket
from pytest_taskq.docket.worker import Worker

__all__ = [
    "CurrentDocket",
    "CurrentExecution",
    "CurrentWorker",
    "Depends",
    "Disposition",
    "Docket",
    "Execution",
    "ExecutionCancelled",
    "ExecutionState",
    "ExponentialRetry",
    "Perpetual",
    "RecordedCall",
    "RecordingDocket",
    "Retry",
    "TaskKey",
    "TaskLogger",
    "Timeout",
    "Worker",
]
