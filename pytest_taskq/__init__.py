"""The front door: what tests import, loaded when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_taskq.testing.matching import job
    from pytest_taskq.testing.wait import wait_until

__all__ = ["job", "wait_until"]
__version__ = "0.1.0"

_HOMES = {"job": "pytest_taskq.testing.matching", "wait_until": "pytest_taskq.testing.wait"}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
