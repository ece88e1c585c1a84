"""Which addresses of a server a test may be let loose on, and how an address is shown."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from pytest_taskq.core.errors import BadOption

__all__ = ["check_url", "masked"]

SCHEMES = {
    "redis": ("redis", "rediss", "unix"),
    "postgres": ("postgresql", "postgres"),
}
PRODUCTION = re.compile(r"(^|[-_.])(prod|production|live|primary)([-_.]|$)", re.IGNORECASE)
SECRETS = frozenset({"password", "passwd", "pwd", "pass", "sslpassword"})
WORDS = re.compile(rf"(?i)\b({'|'.join(SECRETS)})(\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&]*)")


def check_url(kind: str, url: str, allow_remote: bool = False) -> None:
    """Raise BadOption unless ``url`` is an address of that kind on a server for tests.

    That is one on this machine or beside it, whose name and database do not sound as if anybody
    depended on them. ``allow_remote`` lets every host and name pass, but no other scheme.
    """
    named = _named(kind, url)
    if allow_remote:
        return
    for host in named.hosts:
        if not _is_near(host):
            raise BadOption(
                f"Tests of a queue belong on a server of their own, and {host!r} is not on this "
                f"machine. It is the host of {masked(url)}. "
                f"Use a local server, or add --taskq-allow-remote if it is there for tests."
            )
    if kind == "postgres" and not (named.hosts and named.databases):
        raise BadOption(
            f"The address of a PostgreSQL server must name its host and its database; otherwise "
            f"the environment does. It is {masked(url)}. "
            f"Write postgresql://localhost/NAME or postgresql:///NAME?host=/FOLDER, "
            f"or add --taskq-allow-remote."
        )
    for name in (*named.hosts, *named.databases):
        if any(PRODUCTION.search(part) for part in name.split("/")):
            raise BadOption(
                f"Tests of a queue must not touch what is in production, and {name!r} sounds as "
                f"if it were. It is part of {masked(url)}. "
                f"Use a database for tests, or add --taskq-allow-remote if it is one."
            )


def masked(url: str) -> str:
    """The address without the passwords in it; rather too much is hidden than too little."""
    head, mark, query = url.partition("?")
    pieces = [
        f"{piece.partition('=')[0]}=***" if _is_secret(piece) else piece
        for piece in query.split("&")
    ]
    text = WORDS.sub(r"\1\2***", head + mark + "&".join(pieces))
    # A password that is not encoded may hold any character: whatever is before the last @.
    before, at, host = text.rpartition("@")
    if not at:
        return text
    scheme, mark, account = before.rpartition("://") if "://" in before else ("", "", before)
    user, colon, _ = account.partition(":")
    return f"{scheme}{mark}{user}{colon and ':***'}@{host}"


class _Named(NamedTuple):
    hosts: list[str]
    databases: list[str]


def _named(kind: str, url: str) -> _Named:
    """What the address leads to, in every way that a driver may read it."""
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True)
        hosts = [_host(one) for one in parts.netloc.rpartition("@")[2].split(",")]
    except ValueError as error:
        raise BadOption(
            f"The address of a server cannot be read ({error.__class__.__name__}). "
            f"It is {masked(url)}. Write for instance {_example(kind)}."
        ) from None
    if parts.scheme not in SCHEMES[kind]:
        raise BadOption(
            f"The backend {kind} needs an address that begins with "
            f"{' or '.join(f'{scheme}://' for scheme in SCHEMES[kind])}. It is {masked(url)}. "
            f"Write for instance {_example(kind)}."
        )
    for key, value in query:
        if key in {"host", "hostaddr"}:
            hosts += value.split(",")
    path = unquote(parts.path)
    if parts.scheme == "unix":
        return _Named([*filter(None, hosts), path], [])
    databases = [path.strip("/"), *(value for key, value in query if key in {"dbname", "database"})]
    return _Named([*filter(None, hosts)], [*filter(None, databases)])


def _host(text: str) -> str:
    """The host before a port; one that is encoded may be the path of a socket."""
    found = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(\d*))?", text)
    if found is None:
        raise ValueError(text)
    return unquote(found[1].strip("[]"))


def _is_near(host: str) -> bool:
    """The path of a socket, a loopback address, a name of the local network or of a service."""
    if host.startswith(("/", "@")):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        name = host.lower().removesuffix(".")
        # A number alone, such as 3232235777, is an address too.
        return name.endswith(".local") or re.fullmatch(r"[a-z][a-z0-9_-]*", name) is not None


def _is_secret(piece: str) -> bool:
    return unquote(piece.partition("=")[0]).strip().lower() in SECRETS


def _example(kind: str) -> str:
    return "redis://localhost:6379/0" if kind == "redis" else "postgresql://me@localhost/tests"
