"""Who is asked first where a module is, while a run of pytest lasts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.abc import MetaPathFinder

    import pytest

__all__ = ["ask_first"]


def ask_first(finder: MetaPathFinder, config: pytest.Config) -> None:
    """Ask this one before all others, until the run ends, which it may before it has begun."""

    def end() -> None:
        if finder in sys.meta_path:  # not where somebody has put another list in its place
            sys.meta_path.remove(finder)

    sys.meta_path.insert(0, finder)
    config.add_cleanup(end)
