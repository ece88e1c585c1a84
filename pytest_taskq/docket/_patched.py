"""Follows a test that patches the name ``datetime`` of this package to move time."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from pytest_taskq.engine.clock import Clock

__all__ = ["follow_patched_datetime"]

PACKAGE = __name__.rpartition(".")[0]


def follow_patched_datetime(clock: Clock) -> None:
    """Move a clock of a test to what ``datetime.now()`` of the package says, if that is later.

    with mock.patch("docket.datetime") as patched:
        patched.now.return_value = tomorrow
    """
    patched = getattr(sys.modules[PACKAGE], "datetime", datetime)
    if patched is datetime or clock.mode == "real":
        return
    told = patched.now(UTC)
    if isinstance(told, datetime) and told > clock.time():
        clock.move_to(told)
