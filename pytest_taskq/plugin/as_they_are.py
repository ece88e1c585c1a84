"""How the modules of this package are imported while pytest runs: as any other's.

Of a plugin pytest imports every module in a way of its own, which rewrites its asserts and takes
nearly twice as long; a test pays for all that its first fixture needs. Only the conformance suite
asserts: it is a suite of tests.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec

__all__ = ["begin_as_they_are", "end_as_they_are"]

OWN, WITH_ASSERTS = "pytest_taskq.", "pytest_taskq.testing._conformance"
FINDER: pytest.StashKey[AsTheyAre] = pytest.StashKey()


class AsTheyAre(MetaPathFinder):
    """Finds our modules where Python would, before pytest is asked."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, _target: object = None
    ) -> ModuleSpec | None:
        """See ``MetaPathFinder``."""
        if not fullname.startswith(OWN) or fullname.startswith(WITH_ASSERTS):
            return None
        return PathFinder.find_spec(fullname, path)


def begin_as_they_are(config: pytest.Config) -> None:
    """From now on."""
    finder = config.stash[FINDER] = AsTheyAre()
    sys.meta_path.insert(0, finder)


def end_as_they_are(config: pytest.Config) -> None:
    """Until here."""
    finder = config.stash.get(FINDER, None)
    if finder in sys.meta_path:  # not where somebody has put another list in its place
        sys.meta_path.remove(finder)
