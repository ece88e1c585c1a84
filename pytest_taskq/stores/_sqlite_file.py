"""The file of an SQLite store: made whole or not at all, known by its mark, removed if it is ours.

Looks at a file as bytes only: SQLite itself may write to a database that it merely opens.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from pytest_taskq.core.errors import BadOption

__all__ = ["APPLICATION_ID", "LAYOUT", "check_ours", "create", "remove"]

APPLICATION_ID = int.from_bytes(b"tskq")
"""What SQLite keeps in the header of a file to say whose it is."""

LAYOUT = 1
"""The number of the table layout; another one is another version of this package."""

MAGIC = b"SQLite format 3\0"


def create(path: Path, content: bytes) -> None:
    """Make the file, unless somebody was faster, for its owner only.

    A draft beside it is written first, and gets its name in one step: no other process ever
    finds half a database.
    """
    draft = path.with_name(f".{secrets.token_hex(8)}.taskq")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()


def check_ours(path: Path) -> None:
    """Raise BadOption for anything but a file that ``create`` made."""
    kind = _kind(path)
    if kind is not None:
        raise BadOption(
            f"The file {path} is not one of this store's. It is {kind}. Nothing was changed in it: "
            f"give the path of a file that does not exist yet, and the store will make it."
        )


def remove(path: Path) -> None:
    """Delete the file with what SQLite puts beside it."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def _kind(path: Path) -> str | None:
    """What a file is; None: ours."""
    if not path.is_file():  # opening a pipe would wait for its other end
        return "not a regular file"
    with path.open("rb") as file:
        header = file.read(100)
    if not header:
        return "empty"
    if len(header) < 100 or not header.startswith(MAGIC):
        return "no SQLite database"
    layout, application = int.from_bytes(header[60:64]), int.from_bytes(header[68:72])
    if application != APPLICATION_ID:
        return "a database of another application"
    if layout != LAYOUT:
        return f"of another version of pytest-taskq: its layout is {layout}, and ours {LAYOUT}"
    return None
