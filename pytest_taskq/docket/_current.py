"""Dependencies that hand a task its surroundings: docket, worker, execution, key and logger."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from pytest_taskq.docket._dependency import (
    Dependency,
    current_docket,
    current_execution,
    current_worker,
)

if TYPE_CHECKING:
    from pytest_taskq.docket.docket import Docket
    from pytest_taskq.docket.execution import Execution
    from pytest_taskq.docket.worker import Worker

__all__ = ["CurrentDocket", "CurrentExecution", "CurrentWorker", "TaskKey", "TaskLogger"]

TaskLog = logging.LoggerAdapter[logging.Logger]


class _Surrounding(Dependency[Any]):
    """A value that is looked up when the task starts."""

    def __init__(self, name: str, look_up: Callable[[], Any]) -> None:
        self._name = name
        self._look_up = look_up

    async def __aenter__(self) -> Any:
        return self._look_up()

    def __repr__(self) -> str:
        return f"{self._name}()"


def CurrentDocket() -> Docket:
    """The docket that the task was scheduled on."""
    return cast("Docket", _Surrounding("CurrentDocket", current_docket.get))


def CurrentWorker() -> Worker:
    """The worker that runs the task."""
    return cast("Worker", _Surrounding("CurrentWorker", current_worker.get))


def CurrentExecution() -> Execution:
    """The task's own execution."""
    return cast("Execution", _Surrounding("CurrentExecution", current_execution.get))


def TaskKey() -> str:
    """The key that the task was scheduled under."""
    return cast("str", _Surrounding("TaskKey", lambda: current_execution.get().key))


def TaskLogger() -> TaskLog:
    """A logger named ``docket.task.`` and the task's name; records tell docket, key and attempt."""
    return cast("TaskLog", _Surrounding("TaskLogger", _task_logger))


def _task_logger() -> TaskLog:
    execution = current_execution.get()
    docket, worker = current_docket.get(), current_worker.get()
    facts = {**docket.labels(), **worker.labels(), **execution.specific_labels()}
    return logging.LoggerAdapter(logging.getLogger(f"docket.task.{execution.function_name}"), facts)
