"""Puts a user's own app in front of the harness, whichever library it is of."""

from __future__ import annotations

from typing import Any

from pytest_taskq.core.errors import BadOption
from pytest_taskq.engine.under_test import AppUnderTest
from pytest_taskq.testing.text import in_one_line

__all__ = ["under_test"]


def under_test(app: Any) -> AppUnderTest:
    """What the app says of itself. Raises BadOption for what is no app that we know."""
    tell = getattr(app, "under_test", None)
    if callable(tell):
        found: AppUnderTest = tell()
        return found
    raise BadOption(
        f"taskq cannot look into this app. taskq_app returned {in_one_line(app)}, a "
        f"{type(app).__module__}.{type(app).__qualname__}. Return a Docket, or an "
        f"app of Procrastinate or Soniq, yours or ours."
    )
