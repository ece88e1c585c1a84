"""Which versions of Procrastinate the connector knows the statements of."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

from pytest_taskq.core.errors import BadOption

__all__ = ["SUPPORTED", "check_version"]

OLDEST, NEWEST = (3, 2), (3, 10)
SUPPORTED = "3.2 to 3.10"


def check_version() -> None:
    """Raise BadOption for a version that is not among them."""
    installed = _installed()
    parts = tuple(int(part) for part in installed.split(".")[:2] if part.isdigit())
    if not OLDEST <= parts <= NEWEST:
        raise BadOption(
            f"This version of Procrastinate is not known to TaskqConnector. It is {installed}. "
            f"Use one of {SUPPORTED}."
        )


@cache
def _installed() -> str:
    return version("procrastinate")
