"""The front door: what tests import, loaded when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_taskq.testing.matching import job
    from pytest_taskq.testing.wait import wait_until

__all__ = ["job", "wait_until"]
__version__ = "0.1.0"

HOMES = ("pytest_taskq.testing.matching", "pytest_taskq.testing.wait")


def __getattr__(name: str) -> Any:
    from pytest_taskq.core.lazily import load

    return load(__name__, name, HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
