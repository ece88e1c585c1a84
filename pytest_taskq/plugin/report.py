"""What the report of a failed test shows of our own."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_taskq.testing.environment import Environment

__all__ = ["own_frames_hidden", "show_queues"]

OWN = re.compile(r"pytest_taskq\.(?!testing\._conformance\.)")  # those are tests


def show_queues(report: pytest.TestReport, environment: Environment) -> None:
    """Add what the queues look like at this moment."""
    if environment.queues:
        try:
            text = environment.describe()
        except Exception as error:  # noqa: BLE001 - a report must not fail on what it reports
            text = f"The queue cannot be shown: {type(error).__name__} in its description."
        report.sections.append(("taskq: the queue", text))


@contextmanager
def own_frames_hidden(excinfo: pytest.ExceptionInfo[BaseException]) -> Iterator[None]:
    """Let the traceback of an error that we raised on purpose end in the user's own line."""
    modules = _own_modules(excinfo)
    for module in modules:
        module["__tracebackhide__"] = True
    yield
    for module in modules:
        del module["__tracebackhide__"]


def _own_modules(excinfo: pytest.ExceptionInfo[BaseException]) -> list[dict[str, Any]]:
    """Our modules in the traceback, each once; none where the error is a fault of ours."""
    found = {
        name: entry.frame.f_globals
        for entry in excinfo.traceback
        if OWN.match(name := str(entry.frame.f_globals.get("__name__")))
    }
    last = excinfo.traceback[-1].frame.f_globals.get("__name__")
    if last not in found:
        return []
    from pytest_taskq.engine.interrupt import raised_by_a_statement

    return list(found.values()) if raised_by_a_statement(excinfo.tb) else []
