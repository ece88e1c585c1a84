"""What tests leave behind for the end of the run: the page of their jobs, coverage of tasks.

Each test's part travels with its report as text, so the process that prints the reports has it
too, under pytest-xdist as alone. Without the options, nothing is collected.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_taskq.plugin.options import read_options
from pytest_taskq.plugin.present import is_xdist_worker

if TYPE_CHECKING:
    from pytest_taskq.testing.coverage import Coverage
    from pytest_taskq.testing.environment import Environment
    from pytest_taskq.testing.html import Page

__all__ = ["Evidence", "attach_evidence", "gather_evidence"]

SHOWN = "taskq_shown"
TASKS = "taskq_tasks"


def attach_evidence(
    report: pytest.TestReport, environment: Environment, config: pytest.Config
) -> None:
    """Give the report of a test what its end of the run will ask for."""
    if report.when != "call":
        return
    options = read_options(config)
    if options.html and (shown := environment.collected()):
        setattr(report, SHOWN, json.dumps(shown))
    if "coverage" in options.reports:
        from pytest_taskq.testing.coverage import tasks_of

        setattr(report, TASKS, json.dumps(tasks_of(environment.shown())))


def gather_evidence(config: pytest.Config) -> None:
    """Begin to gather, where something is asked for and no other process does it."""
    options = read_options(config)
    if (options.html or options.reports) and not is_xdist_worker(config):
        evidence = Evidence(options.html, options.reports)
        config.pluginmanager.register(evidence, "taskq-evidence")


class Evidence:
    """The page and the coverage of a run, as far as it has come: a plugin of its own."""

    def __init__(self, html: str, reports: tuple[str, ...]) -> None:
        from pytest_taskq.testing.coverage import Coverage
        from pytest_taskq.testing.html import Page

        self._path = html
        self._page: Page | None = Page() if html else None
        self._written = ""
        self._coverage: Coverage | None = Coverage() if "coverage" in reports else None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of a test."""
        tasks = getattr(report, TASKS, None)
        if self._coverage is not None and tasks is not None:
            self._coverage.add(json.loads(tasks))
        if self._page is not None:
            self._page.add(
                report.nodeid,
                _outcome(report),
                report.duration,
                message=_message(report),
                shown=getattr(report, SHOWN, None),
            )

    def pytest_sessionfinish(self) -> None:
        """Write the page."""
        if self._page is None:
            return
        path = Path(self._path)
        try:
            self._page.write(path)
        except OSError as error:
            self._written = f"taskq: {path} cannot be written ({error})."
        else:
            tests = "1 test" if len(self._page) == 1 else f"{len(self._page)} tests"
            self._written = f"taskq: wrote {path}: {tests} with jobs"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print what the run has to say."""
        if self._coverage is not None:
            terminalreporter.section("taskq: coverage of tasks", sep="-")
            for line in self._coverage.lines():
                terminalreporter.line(line)
        if self._written:
            terminalreporter.line(self._written)


def _outcome(report: pytest.TestReport) -> str:
    return "error" if report.failed and report.when != "call" else report.outcome


def _message(report: pytest.TestReport) -> str:
    """Why it failed, in the words of the summary."""
    if not report.failed:
        return ""
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash is not None else report.longrepr)[:2_000]
