"""The page of a run: what happened to the jobs of each test, drawn over virtual time."""

from __future__ import annotations

from pytest_taskq.testing.html.collect import collect
from pytest_taskq.testing.html.page import Page

__all__ = ["Page", "collect"]
