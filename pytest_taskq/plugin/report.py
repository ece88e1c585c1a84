"""What the report of a failed test shows of our own."""

from __future__ import annotations

import re
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from pytest_taskq.plugin.options import read_options
from pytest_taskq.plugin.present import is_xdist_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_taskq.testing.environment import Environment
    from pytest_taskq.testing.redact import Redaction

__all__ = [
    "check_redaction",
    "own_frames_hidden",
    "redaction_of",
    "show_passed",
    "show_queues",
    "shows_queues",
]

OWN = re.compile(r"pytest_taskq\.(?!testing\._conformance\.)")  # those are tests
REDACTION: pytest.StashKey[Redaction] = pytest.StashKey()
SECTION = "taskq: the queue"


def redaction_of(config: pytest.Config) -> Redaction:
    """How arguments are shown. Raises UsageError for a function that cannot be had."""
    redaction: Redaction | None = config.stash.get(REDACTION, None)
    if redaction is None:
        from pytest_taskq.testing.redact import Redaction

        path = read_options(config).redact
        judge = _load(path, in_tests=is_xdist_worker(config)) if path else None
        redaction = config.stash[REDACTION] = Redaction(judge)
    return redaction


def check_redaction(config: pytest.Config) -> None:
    """Look for the user's function once tests are collected: before, it may not be importable.

    A process of pytest-xdist cannot end the run, and tells it in each of its tests.
    """
    if read_options(config).redact and not is_xdist_worker(config):
        redaction_of(config)


def shows_queues(report: pytest.TestReport, config: pytest.Config) -> bool:
    """Whether the report of this phase is to show the queues."""
    if report.when != "call" or report.skipped:
        return False
    return report.failed or read_options(config).timeline == "all"


def show_passed(terminal: pytest.TerminalReporter) -> None:
    """Print the queues of tests that passed, unless pytest does that itself."""
    if read_options(terminal.config).timeline != "all" or terminal.hasopt("P"):
        return
    for report in terminal.getreports("passed"):
        for name, text in report.sections:
            if name == SECTION:
                terminal.section(f"{report.head_line}: {name}", sep="_")
                terminal.line(text)


def show_queues(report: pytest.TestReport, environment: Environment) -> None:
    """Add what the queues look like at this moment, and what the error leaves untold."""
    if environment.shown():
        try:
            text = environment.describe()
            forgotten = environment.unawaited.told()
            if forgotten not in report.longreprtext:
                text = f"{text}\n{forgotten}"
        except Exception as error:  # noqa: BLE001 - a report must not fail on what it reports
            text = f"The queue cannot be shown: {type(error).__name__} in its description."
        report.sections.append((SECTION, text))


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


def _load(path: str, *, in_tests: bool) -> Callable[[str, Any], Any]:
    module, _, name = path.partition(":")
    function: Any = None
    try:
        function = getattr(import_module(module), name)
    except Exception as error:  # noqa: BLE001 - the module is the user's
        problem = f"{type(error).__name__}: {error}"
    else:
        problem = f"it is {function!r}, which cannot be called"
    if not callable(function):
        text = (
            f"taskq: the function {path!r} of taskq_redact cannot be used ({problem}). Write "
            f"module:function, of a module that tests can import."
        )
        if in_tests:
            pytest.fail(text, pytrace=False)
        raise pytest.UsageError(text)
    judge: Callable[[str, Any], Any] = function
    return judge
