"""What the report of a failed test shows of our own."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_taskq.testing.environment import Environment

__all__ = ["own_frames_hidden", "show_queues"]

OWN = "pytest_taskq."


def show_queues(report: pytest.TestReport, environment: Environment) -> None:
    """Add what the queues look like at this moment."""
    if environment.queues:
        report.sections.append(("taskq: the queue", environment.describe()))


@contextmanager
def own_frames_hidden(excinfo: pytest.ExceptionInfo[BaseException] | None) -> Iterator[None]:
    """Let the traceback of an error that we raised on purpose end in the user's own line."""
    modules = [] if excinfo is None else _own_modules(excinfo)
    for module in modules:
        module["__tracebackhide__"] = True
    yield
    for module in modules:
        del module["__tracebackhide__"]


def _own_modules(excinfo: pytest.ExceptionInfo[BaseException]) -> list[dict[str, Any]]:
    """Our modules in the traceback, each once; none where the error is a fault of ours."""
    from pytest_taskq.engine.interrupt import raised_by_a_statement

    found = {
        name: entry.frame.f_globals
        for entry in excinfo.traceback
        if (name := str(entry.frame.f_globals.get("__name__"))).startswith(OWN)
    }
    last = excinfo.traceback[-1].frame.f_globals.get("__name__")
    on_purpose = last in found and raised_by_a_statement(excinfo.tb)
    return list(found.values()) if on_purpose else []
