"""What SQLite or the system says, as an error of ours and what to do about it."""

from __future__ import annotations

import errno
from pathlib import Path

from pytest_taskq.core.errors import StoreUnavailable

__all__ = ["unavailable"]

ROOM = "Free some space on its disk."
GROWTH = "See whether its disk is full, and how large a file may be for this user (ulimit -f)."
RIGHTS = "Make the file and its folder writable, or use another path."
DAMAGE = "Remove the file: the store makes a new one."
# Of SQLite and of the system.
REMEDIES = {
    "SQLITE_FULL": ROOM,
    "SQLITE_IOERR": GROWTH,
    "SQLITE_READONLY": RIGHTS,
    "SQLITE_BUSY": "Find the process that keeps it locked, and end its transaction.",
    "SQLITE_CORRUPT": DAMAGE,
    "SQLITE_NOTADB": DAMAGE,
    "ENOSPC": ROOM,
    "EDQUOT": ROOM,
    "EFBIG": GROWTH,
    "EACCES": RIGHTS,
    "EPERM": RIGHTS,
    "EROFS": RIGHTS,
}
OTHERWISE = "See whether the file and its folder are there and can be read and written."


def unavailable(path: Path | None, error: Exception) -> StoreUnavailable:
    """The error to raise in the place of one of the driver or of the system."""
    # Some have an ending, as SQLITE_BUSY_SNAPSHOT.
    name: str = getattr(error, "sqlite_errorname", "")
    if isinstance(error, OSError):
        name = errno.errorcode.get(error.errno or 0, "")
    remedies = [REMEDIES[known] for known in REMEDIES if name.startswith(known)]
    return StoreUnavailable(
        f"The SQLite store on {path or 'memory'} does not work. It says: {error}. "
        f"{''.join(remedies) or OTHERWISE}"
    )
