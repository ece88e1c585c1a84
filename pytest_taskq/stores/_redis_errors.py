"""What is said of a Redis server: its address without the password, and why it failed."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from pytest_taskq.core.errors import BadOption, StoreUnavailable

__all__ = ["address", "too_old", "unavailable"]

SCHEMES = frozenset({"redis", "rediss", "unix"})

# By a word in the driver's or the server's message: what is wrong, and what to do next.
REASONS = {
    "NOPERM": ("does not let this user do that", "Allow it all on keys and channels taskq:*"),
    "NoPermission": ("does not let this user do that", "Allow it all on keys and channels taskq:*"),
    "NOAUTH": ("wants a password", "Write redis://user:password@host in the URL"),
    "Authentication required": ("wants a password", "Write redis://user:password@host in the URL"),
    "Authentication": ("lets nobody in by this name", "Correct user and password of the URL"),
    "Loading": ("is still loading its data", "Wait until it is ready, then try again"),
    "loading": ("is still loading its data", "Wait until it is ready, then try again"),
    "ReadOnly": ("takes no changes: it is a replica", "Use the primary server"),
    "READONLY": ("takes no changes: it is a replica", "Use the primary server"),
    "OutOfMemory": ("has no memory left", "Raise maxmemory, or use another server"),
    "OOM": ("has no memory left", "Raise maxmemory, or use another server"),
    "MISCONF": ("cannot write to its disk", "Make room, or turn its snapshots off"),
    "Timeout": ("does not answer in time", "Look whether it is stopped or overloaded"),
    "closed": ("has ended the connection", "Look whether it still runs, then try again"),
    "reset": ("has ended the connection", "Look whether it still runs, then try again"),
    "Connection": ("does not answer", "Start it, or correct the URL"),
    "Error": ("cannot do its work", "Look into the server's log"),
}


def address(url: str) -> str:
    """Where a URL leads, to be shown: ``host:port/database``, or the path of a socket.

    Raises BadOption, which shows nothing of the URL, for one that leads to no Redis server.
    """
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        # A password with a bare / or @ in it would be cut in two, and half of it shown.
        readable = parts.scheme in SCHEMES and "@" not in parts.path and not parts.fragment
        place = parts.path if parts.scheme == "unix" else (parts.hostname or "") + port + parts.path
        readable = readable and bool(place)
    except (AttributeError, TypeError, ValueError):
        readable = False
    if not readable:
        raise BadOption(
            "This is not the URL of a Redis server. It must begin with redis://, rediss:// or "
            "unix://, and a password in it must be percent-encoded. Write it as "
            "redis://user:password@host:6379/0 or unix:///path/of/socket."
        ) from None
    return unquote(place)


def unavailable(where: str, error: BaseException) -> StoreUnavailable:
    """The error to raise in place of one of the driver or the system.

    The words of the error itself are left out where they could hold more than they should.
    """
    said = f"{type(error).__name__}: {error}"
    word = next((word for word in REASONS if word in said), "Error")
    problem, remedy = REASONS[word]
    return StoreUnavailable(
        f"The Redis server at {where} {problem}. It was met with {type(error).__name__}. {remedy}."
    )


def too_old(where: str, version: str) -> StoreUnavailable:
    """The error for a server before 6.2."""
    return StoreUnavailable(
        f"The Redis server at {where} is too old. Its version is {version}, and 6.2 is the first "
        f"that will do. Upgrade it, or leave the URL out to have a private server started."
    )
