"""The exceptions of Procrastinate that this facade raises, under the names they have there."""

from __future__ import annotations

__all__ = [
    "AlreadyEnqueued",
    "AppNotOpen",
    "ConnectorException",
    "InvalidTimestamp",
    "JobAborted",
    "MiddlewareKindMismatch",
    "NoResult",
    "ProcrastinateException",
    "TaskAlreadyRegistered",
    "TaskNotFound",
    "UnboundTaskError",
    "UniqueViolation",
]


class ProcrastinateException(Exception):
    """The root of the tree; never raised itself."""


class AlreadyEnqueued(ProcrastinateException):
    """A job with this queueing lock already waits in the queue."""


class AppNotOpen(ProcrastinateException):
    """A connector was used before it was opened, or after it was closed."""


class ConnectorException(ProcrastinateException):
    """The database of production would refuse this."""


class InvalidTimestamp(ProcrastinateException):
    """The job of a tick was given another instant as its ``timestamp``."""


class TaskAlreadyRegistered(ProcrastinateException):
    """The name or an alias of a task belongs to another task of the app."""


class TaskNotFound(ProcrastinateException):
    """No task of that name is registered on the app."""


class UnboundTaskError(ProcrastinateException):
    """A task of a blueprint was deferred before an app took it over."""


class JobAborted(ProcrastinateException):
    """Raised by a task that has seen ``context.should_abort()``: it ends aborted, untried."""


class MiddlewareKindMismatch(ProcrastinateException):
    """A sync middleware was given to an async task or worker, or the other way round."""


class NoResult(ConnectorException):
    """What was asked for is not there."""


class UniqueViolation(ConnectorException):
    """Another job has the name that this one needs."""
