"""What SQLite or the system says, as an error of ours and what to do about it."""

from __future__ import annotations

from pathlib import Path

from pytest_taskq.core.errors import StoreUnavailable

__all__ = ["unavailable"]

REMEDIES = {
    "SQLITE_FULL": "Free some space on its disk.",
    "SQLITE_READONLY": "Make the file and its folder writable, or use another path.",
    "SQLITE_BUSY": "Find the process that keeps it locked, and end its transaction.",
    "SQLITE_CORRUPT": "Remove the file: the store makes a new one.",
    "SQLITE_NOTADB": "Remove the file: the store makes a new one.",
}
OTHERWISE = "See whether the file and its folder are there and can be read and written."


def unavailable(path: Path | None, error: Exception) -> StoreUnavailable:
    """The error to raise in the place of one of the driver or of the system."""
    name: str = getattr(
        error, "sqlite_errorname", ""
    )  # some have an ending, as SQLITE_BUSY_SNAPSHOT
    remedies = [REMEDIES[known] for known in REMEDIES if name.startswith(known)]
    return StoreUnavailable(
        f"The SQLite store on {path or 'memory'} does not work. It says: {error}. "
        f"{''.join(remedies) or OTHERWISE}"
    )
