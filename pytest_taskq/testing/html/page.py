"""Gathers what the tests of a run have to show, and writes it as one file."""

from __future__ import annotations

import json
import os
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

__all__ = ["Page"]

PLACE = re.compile(r"\{\{(style|script|data)\}\}")
RANKS = {"passed": 0, "skipped": 1, "failed": 2, "error": 3}


class Page:
    """The page of a run: tests with their outcome, and the jobs of those that had some."""

    def __init__(self) -> None:
        self._tests: dict[str, dict[str, Any]] = {}

    def add(
        self,
        test: str,
        outcome: str,
        seconds: float,
        *,
        message: str = "",
        shown: str | None = None,
    ) -> None:
        """One phase of a test: its worst outcome counts. ``shown``: JSON of what was collected."""
        found = self._tests.setdefault(
            test, {"test": test, "outcome": "passed", "seconds": 0.0, "message": ""}
        )
        if RANKS[outcome] > RANKS[found["outcome"]]:
            found["outcome"] = outcome
        found["seconds"] = round(found["seconds"] + seconds, 4)
        found["message"] = found["message"] or message
        if shown is not None:
            found |= json.loads(shown)

    def __len__(self) -> int:
        """How many tests had jobs."""
        return sum("jobs" in test for test in self._tests.values())

    def text(self) -> str:
        """The page: it needs nothing but itself."""
        # Whatever a test is called or says must not end the element that holds it, and half of a
        # surrogate pair has no UTF-8: JSON of ASCII alone can be written anywhere.
        data = json.dumps(list(self._tests.values()), separators=(",", ":"))
        data = data.replace("<", "\\u003c")
        parts = {"style": _part("page.css"), "script": _part("page.js"), "data": data}
        return PLACE.sub(lambda place: parts[place[1]], _part("page.html"))

    def write(self, path: Path) -> None:
        """Write the page, and the folders that it is in; a file whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        page = self.text().encode()
        path = path.resolve()
        if path.exists() and not path.is_file():
            path.write_bytes(page)  # a device or a pipe, whose name must stay its own
            return
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            unfinished.write_bytes(page)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


def _part(name: str) -> str:
    return (files("pytest_taskq.testing.html") / name).read_text("utf-8")
