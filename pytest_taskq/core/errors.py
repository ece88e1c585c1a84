"""Every error this project raises by its own name.

Each message is one sentence on what is wrong, one on what was found, one on what to do next.
A facade raises the exceptions of the library it imitates wherever that library has one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

__all__ = [
    "BadOption",
    "IllegalTransition",
    "LeaseLost",
    "MissingExtra",
    "NaiveDatetime",
    "NameHeld",
    "NeverFires",
    "NotFinished",
    "NotStorable",
    "PayloadTooLarge",
    "QueueClosed",
    "ServerMissing",
    "StoreUnavailable",
    "TaskqError",
    "UnknownTask",
    "WrongLoop",
    "describe_names",
]


class TaskqError(Exception):
    """The root of the tree; never raised itself."""


class BadOption(TaskqError, ValueError):
    """An argument, option or marker has a value that can mean nothing."""


class NaiveDatetime(BadOption):
    """A datetime without a time zone was given where an instant is needed."""


class NeverFires(BadOption):
    """A schedule has no next tick."""


class NotStorable(TaskqError, TypeError):
    """A value cannot be stored, or would come back changed. ``path`` says which one."""

    def __init__(self, path: str, problem: str, remedy: str) -> None:
        super().__init__(f"{path} cannot be stored. {problem} {remedy}")
        self.path = path


class PayloadTooLarge(TaskqError, ValueError):
    """Arguments are larger or nested deeper than a queue should carry."""


class UnknownTask(TaskqError, KeyError):
    """No task of that name is registered."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            f"No task is registered under the name {name!r}. {describe_names(name, known)} "
            f"Register the task before the worker runs, or correct the name."
        )
        self.name = name

    def __str__(self) -> str:
        # A KeyError would show the repr of its message.
        return str(self.args[0])


class IllegalTransition(TaskqError):
    """A verb was applied to a job in a state that the table of transitions does not allow."""


class LeaseLost(TaskqError):
    """The job is not under this lease any more; whoever holds it now decides its fate."""


class MissingExtra(TaskqError, ImportError):
    """A package is not installed that one of the extras of this project would bring."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"The package {package!r} is needed for this. It is not installed. "
            f'Run: pip install "pytest-taskq[{extra}]"',
            name=package,
        )


class NameHeld(TaskqError):
    """Another job holds an exclusive name that this one needs."""

    def __init__(self, name: str, holder: int | None) -> None:
        super().__init__(
            f"The name {name!r} is taken. Job {holder} holds it. "
            f"Wait until that job lets it go, or use another name."
        )
        self.name = name
        self.holder = holder


class NotFinished(TaskqError):
    """A run that was to end by itself reached its limit."""


class QueueClosed(TaskqError, RuntimeError):
    """An object was used after it was closed."""


class ServerMissing(TaskqError):
    """No program was found that could be a private server of the kind that is needed."""


class StoreUnavailable(TaskqError, ConnectionError):
    """A store cannot do its work: no server answers, a disk is full, a file may not be written.

    Whether a change that was under way has landed is unknown.
    """


class WrongLoop(TaskqError, RuntimeError):
    """An object was used on another event loop than the one it lives on."""


def describe_names(name: str, known: Iterable[str]) -> str:
    """One sentence on the names there are, the nearest first."""
    names: Sequence[str] = sorted(known)
    if not names:
        return "No task is registered at all."
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        verb = "is" if len(near) == 1 else "are"
        return f"The nearest {verb} {', '.join(map(repr, near))}."
    shown = ", ".join(map(repr, names[:5]))
    rest = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"Registered are {shown}{rest}."
