"""Tells whose app an object is, without importing a library that nobody else has imported."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["django_app", "is_of_library"]

CONTRIB = "procrastinate.contrib.django"


def is_of_library(app: object, library: str) -> bool:
    """Whether the class of an object, or one that it inherits from, is of this package."""
    return any(kind.__module__.partition(".")[0] == library for kind in type(app).__mro__)


def django_app() -> Any:
    """The app of Procrastinate's Django integration, where a project has it installed."""
    registry = getattr(sys.modules.get("django.apps"), "apps", None)
    if registry is None or not registry.ready or not registry.is_installed(CONTRIB):
        return None
    return registry.get_app_config("procrastinate").app
