"""Everything a task may ask for as the default of a parameter, or inside ``Annotated``."""

from __future__ import annotations

from pytest_taskq.docket._concurrency import ConcurrencyBlocked, ConcurrencyLimit
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
from pytest_taskq.docket._depends import DependencyFunction, Depends, Shared, SharedContext
from pytest_taskq.docket._handlers import (
    AdmissionBlocked,
    CompletionHandler,
    FailureHandler,
    Runtime,
    TaskOutcome,
    format_duration,
)
from pytest_taskq.docket._perpetual import Cron, Perpetual
from pytest_taskq.docket._plan import (
    get_annotation_dependencies,
    get_dependency_parameters,
    get_single_dependency_of_type,
    get_single_dependency_parameter_of_type,
    validate_dependencies,
)
from pytest_taskq.docket._progress import Progress
from pytest_taskq.docket._resolution import FailedDependency, resolved_dependencies
from pytest_taskq.docket._retry import ExponentialRetry, ForcedRetry, Retry
from pytest_taskq.docket._scope import CallArgument, CycleError, TaskArgument
from pytest_taskq.docket._timeout import Timeout
from pytest_taskq.docket._windows import Cooldown, Debounce, RateLimit

__all__ = [
    "AdmissionBlocked",
    "CallArgument",
    "CompletionHandler",
    "ConcurrencyBlocked",
    "ConcurrencyLimit",
    "Cooldown",
    "Cron",
    "CurrentDocket",
    "CurrentExecution",
    "CurrentWorker",
    "CycleError",
    "Debounce",
    "Dependency",
    "DependencyFunction",
    "Depends",
    "ExponentialRetry",
    "FailedDependency",
    "FailureHandler",
    "ForcedRetry",
    "Perpetual",
    "Progress",
    "RateLimit",
    "Retry",
    "Runtime",
    "Shared",
    "SharedContext",
    "TaskArgument",
    "TaskKey",
    "TaskLogger",
    "TaskOutcome",
    "Timeout",
    "current_docket",
    "current_execution",
    "current_worker",
    "format_duration",
    "get_annotation_dependencies",
    "get_dependency_parameters",
    "get_single_dependency_of_type",
    "get_single_dependency_parameter_of_type",
    "resolved_dependencies",
    "validate_dependencies",
]
