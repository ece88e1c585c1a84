"""The names of soniq's testing package, under the path that they have there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from pytest_taskq.soniq.app import make_app
from pytest_taskq.soniq.backend import MemoryBackend

__all__ = ["MemoryBackend", "make_app", "wait_until"]

wait_until: Callable[..., Awaitable[Any]]


def __getattr__(name: str) -> Any:
    # A facade knows nothing of what checks it; the front door hands this one out.
    if name == "wait_until":
        return import_module(__name__.partition(".")[0]).wait_until
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
