"""Tells whose app an object is, without importing a library that nobody else has imported."""

from __future__ import annotations

import sys
from typing import Any

import pytest

__all__ = ["django_app", "empty_django_tables", "is_djangos", "is_of_library"]

CONTRIB = "procrastinate.contrib.django"
COMMITTING = frozenset({"transactional_db", "django_db_reset_sequences", "live_server"})


def is_of_library(app: object, library: str) -> bool:
    """Whether the class of an object, or one that it inherits from, is of this package."""
    return any(kind.__module__.partition(".")[0] == library for kind in type(app).__mro__)


def django_app() -> Any:
    """The app of Procrastinate's Django integration, where a project has it installed."""
    registry = getattr(sys.modules.get("django.apps"), "apps", None)
    if registry is None or not registry.ready or not registry.is_installed(CONTRIB):
        return None
    return registry.get_app_config("procrastinate").app


def is_djangos(app: Any) -> bool:
    """Whether an app of Procrastinate keeps its jobs by Django's connection."""
    return any(kind.__module__.startswith(CONTRIB) for kind in type(app.connector).__mro__)


def empty_django_tables(item: pytest.Item) -> None:
    """After a test that commits, delete what Procrastinate has in the database.

    Django flushes its own tables only; without this the jobs of one test are in the next one.
    """
    if "django.test" not in sys.modules or django_app() is None:
        return
    from pytest_taskq.adapters.django import close_connections, empty_tables, is_transactional

    mark = item.get_closest_marker("django_db")
    marked = mark is not None and (mark.kwargs.get("transaction") or mark.args[:1] == (True,))
    asked = COMMITTING.intersection(getattr(item, "fixturenames", ()))
    if marked or asked or is_transactional(getattr(item, "cls", None)):
        close_connections()
        empty_tables()
