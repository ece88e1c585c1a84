"""Loads what the fixtures of a run need before its first test, which would seem slow by it."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import Any

import pytest

from pytest_taskq.plugin import fixtures
from pytest_taskq.plugin.options import read_options

__all__ = ["load_ahead"]

ENVIRONMENT = "pytest_taskq.testing.environment"
OF_EACH_TEST = {ENVIRONMENT, "pytest_taskq.testing.strict"}
NEEDED = {
    "taskq": "pytest_taskq.testing.harness",
    "taskq_clock": ENVIRONMENT,
    "docket": "pytest_taskq.docket",
    "worker": "pytest_taskq.docket",
    "in_memory_app": "pytest_taskq.procrastinate",
    "in_memory_connector": "pytest_taskq.procrastinate",
    "soniq_app": "pytest_taskq.soniq",
}


def load_ahead(session: pytest.Session) -> None:
    """Import what belongs to those of our fixtures that any test here asks for.

    What cannot be imported is an error of the test that asks for it, and is told there.
    """
    if session.config.option.collectonly:
        return
    used: set[str] = set()
    for item in session.items:
        asked = NEEDED.keys() & (getattr(item, "fixturenames", None) or ())
        used.update([name for name in asked - used if _is_ours(item, name)])
    modules = {NEEDED[name] for name in used}
    if read_options(session.config).substitutes:
        modules.add(NEEDED["docket"])  # each test is surrounded by it
    with suppress(Exception):
        for module in sorted(modules and modules | OF_EACH_TEST):
            import_module(module)


def _is_ours(item: Any, name: str) -> bool:
    """Whether a fixture of a test is not one of the user's own, for which pytest has no word."""
    found = getattr(item, "_fixtureinfo", None)
    definitions = [] if found is None else found.name2fixturedefs.get(name, [])
    return [each.func.__module__ for each in definitions[-1:]] == [fixtures.__name__]
