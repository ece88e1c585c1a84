"""What is said of a Postgres server: its address without the password, and why it failed."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

from pytest_taskq.core.errors import BadOption, StoreUnavailable

__all__ = ["address", "unavailable"]

# By SQLSTATE, the longest beginning that fits: what is wrong, and what to do next.
REASONS = {
    "08": ("has ended the connection", "Look whether it still runs, then try again"),
    "25006": ("takes no changes: it is read-only", "Use the primary server, not a standby"),
    "28": ("lets nobody in by this name", "Correct the user and password of the URL"),
    "3D000": ("has no such database", "Create it, or correct the last part of the URL"),
    "42501": ("does not allow this user to", "Grant CREATE on the database to the user"),
    "42P05": ("is behind a pooler that swaps connections", "Use its session mode, or no pooler"),
    "26000": ("is behind a pooler that swaps connections", "Use its session mode, or no pooler"),
    "53100": ("has no room on its disk", "Make room, or use another server"),
    "53200": ("has no memory left", "Make room, or use another server"),
    "53300": ("has no connection left", "Raise max_connections, or run fewer workers of pytest"),
    "55P03": ("kept us waiting for a lock", "End who holds it, or raise lock_timeout"),
    "57014": ("broke the statement off", "Raise statement_timeout of this user"),
    "57P": ("is stopping or starting", "Wait until it runs, then try again"),
}
OTHER = ("cannot do its work", "Look into the server's log")


def address(url: str) -> str:
    """Where a URL leads, to be shown: ``host:port/database``.

    Raises BadOption, which shows nothing of the URL, when it cannot be told where in it the
    password ends.
    """
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        hosts = parse_qs(parts.query).get("host", [])
        rest = f"{parts.path}{parts.query}{parts.fragment}"
        readable = parts.scheme in {"postgresql", "postgres"} and "@" not in rest
    except ValueError:
        readable = False
    if not readable or parts.fragment:
        raise BadOption(
            "This is not the URL of a Postgres server. It must begin with postgresql:// or "
            "postgres://, and a password in it must be percent-encoded. Write it as "
            "postgresql://user:password@host:5432/database."
        ) from None
    host = parts.hostname or (hosts[0] if hosts else "the local socket")
    return f"{unquote(host)}{port}{unquote(parts.path)}"


def unavailable(where: str, error: BaseException) -> StoreUnavailable:
    """The error to raise in place of one of the driver or the system."""
    state = getattr(error, "sqlstate", None) or ""
    if not state and isinstance(error, OSError):
        problem, remedy = "does not answer", "Start it, or correct the URL"
    else:
        known = [key for key in REASONS if state.startswith(key)]
        problem, remedy = REASONS[known[0]] if known else OTHER
    found = " ".join(str(error).split()).rstrip(".") or "nothing more"
    return StoreUnavailable(
        f"Postgres at {where} {problem}. {type(error).__name__}: {found}. {remedy}."
    )
