"""The words in which the library tells how an execution stands, and what became of a call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Literal, TypedDict

from pytest_taskq.core.job import Job, State

__all__ = [
    "ENDED",
    "LIVE",
    "Disposition",
    "ExecutionCancelled",
    "ExecutionState",
    "ProgressEvent",
    "StateEvent",
    "TaskCall",
    "TaskFunction",
    "error_of",
    "state_of",
]

TaskFunction = Callable[..., Awaitable[Any]]
LIVE = frozenset({State.QUEUED, State.RUNNING})


class ExecutionState(Enum):
    """Where an execution is: parked until its time, ready, running, or at one of three ends."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Disposition(Enum):
    """What became of a call to schedule; LOADED: this object comes from looking one up."""

    LOADED = "loaded"
    SCHEDULED = "scheduled"
    ALREADY_SCHEDULED = "already_scheduled"
    STRUCK = "struck"
    SUPERSEDED = "superseded"
    FAILED = "failed"


class ExecutionCancelled(Exception):
    """The result was asked for of an execution that was cancelled."""


@dataclass(frozen=True)
class TaskCall:
    """One call to schedule, complete: what ``Docket.call`` makes and ``add_many`` takes."""

    function: TaskFunction
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    key: str
    when: datetime
    function_name: str | None = None


class StateEvent(TypedDict):
    """How an execution stands, as ``Execution.subscribe`` tells it; instants as ISO 8601."""

    type: Literal["state"]
    key: str
    state: ExecutionState
    when: str
    worker: str | None
    started_at: str | None
    completed_at: str | None
    error: str | None


class ProgressEvent(TypedDict):
    """How far an execution says it is."""

    type: Literal["progress"]
    key: str
    current: int | None
    total: int
    message: str | None
    updated_at: str | None


ENDED = frozenset({ExecutionState.COMPLETED, ExecutionState.FAILED, ExecutionState.CANCELLED})
STATES = {
    State.RUNNING: ExecutionState.RUNNING,
    State.SUCCEEDED: ExecutionState.COMPLETED,
    State.DEAD: ExecutionState.FAILED,
    State.CANCELLED: ExecutionState.CANCELLED,
}


def state_of(job: Job, now: int) -> ExecutionState:
    """The state of the execution that a job of the engine is."""
    waiting = ExecutionState.SCHEDULED if job.due_at > now else ExecutionState.QUEUED
    return STATES.get(job.state, waiting)


def error_of(job: Job) -> str | None:
    """What an execution that failed says of it."""
    if job.state is not State.DEAD or job.failure is None:
        return None
    name, message, _ = job.failure
    kind = name.rpartition(".")[2]  # a class inside another is told by its own name alone
    return (f"{kind}: {message}" if kind else message) or None
