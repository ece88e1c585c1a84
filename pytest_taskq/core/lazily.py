"""What a module offers, loaded when it is first used: most tests need little of it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Any

__all__ = ["load"]


def load(offering: str, name: str, homes: Iterable[str]) -> Any:
    """What a module has under a name of its ``__all__``, for its ``__getattr__``.

    It is one of the modules ``homes``, or in the first of them that lists it. Raises
    AttributeError for any other name.
    """
    offered = vars(sys.modules[offering])
    if name in offered["__all__"]:
        for home in homes:
            module = import_module(home)
            if home.endswith(f".{name}"):
                return offered.setdefault(name, module)
            if name in module.__all__:
                return offered.setdefault(name, getattr(module, name))
    raise AttributeError(f"module {offering!r} has no attribute {name!r}")
