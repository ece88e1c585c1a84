"""How the modules of this package are imported while pytest runs: as any other's.

Of a plugin pytest imports every module in a way of its own, which rewrites its asserts and takes
nearly twice as long; a test pays for all that its first fixture needs. Only the conformance suite
asserts: it is a suite of tests.
"""

from __future__ import annotations

import os
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_taskq.plugin.finders import ask_first

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec

    import pytest

__all__ = ["import_as_they_are"]

OWN, WITH_ASSERTS = "pytest_taskq.", "pytest_taskq.testing._conformance"
HOME = f"{Path(__file__).parents[1]}{os.sep}"


class AsTheyAre(MetaPathFinder):
    """Finds our modules where Python would, before pytest is asked."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, _target: object = None
    ) -> ModuleSpec | None:
        """See ``MetaPathFinder``."""
        if not fullname.startswith(OWN) or fullname.startswith(WITH_ASSERTS):
            return None
        spec = PathFinder.find_spec(fullname, path)
        # The user's tests may be in a folder of the same name.
        is_ours = spec is not None and (spec.origin or "").startswith(HOME)
        return spec if is_ours else None


def import_as_they_are(config: pytest.Config) -> None:
    """From now on, until the end of this run."""
    ask_first(AsTheyAre(), config)
