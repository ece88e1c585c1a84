"""Loads what the fixtures of a run need before its first test, which would seem slow by it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from pytest_taskq.plugin import fixtures

__all__ = ["load_ahead"]

NEEDED = {
    "taskq": "pytest_taskq.testing.harness",
    "docket": "pytest_taskq.docket",
    "worker": "pytest_taskq.docket",
    "in_memory_app": "pytest_taskq.procrastinate",
    "in_memory_connector": "pytest_taskq.procrastinate",
    "soniq_app": "pytest_taskq.soniq",
}


def load_ahead(session: pytest.Session) -> None:
    """Import what belongs to those of our fixtures that any test here asks for."""
    if session.config.option.collectonly:
        return
    used: set[str] = set()
    for item in session.items:
        asked = NEEDED.keys() & getattr(item, "fixturenames", ())
        used.update([name for name in asked - used if _is_ours(item, name)])
    if used:
        import_module("pytest_taskq.testing.environment")
    for name in sorted(used):
        import_module(NEEDED[name])


def _is_ours(item: Any, name: str) -> bool:
    """Whether a fixture of a test is not one of the user's own, for which pytest has no word."""
    found = getattr(item, "_fixtureinfo", None)
    definitions = [] if found is None else found.name2fixturedefs.get(name, [])
    return [each.func.__module__ for each in definitions[-1:]] == [fixtures.__name__]
