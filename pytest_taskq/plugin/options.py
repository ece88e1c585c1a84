"""The plugin's options: command line, then environment, then ini file, then default."""

from __future__ import annotations

import os
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "BACKENDS",
    "SERVERS",
    "STRICT",
    "SUBSTITUTES",
    "Options",
    "add_options",
    "read_options",
    "read_substitutes",
]

BACKENDS = ("memory", "sqlite", "fakeredis", "redis", "postgres")
SERVERS = {
    "redis": ("redis", "rediss", "unix"),
    "postgres": ("postgres", "postgresql"),
}
"""The backends that have a server, and the schemes of its URLs."""
FREEZERS = ("auto", "freezegun", "time-machine", "none")
STRICT = ("errors", "unexecuted", "tasks", "exceptions")
STRICT_HELP = f"what fails a test that does not look at it: {', '.join(STRICT)}, or off"
TIMELINES = ("failed", "all", "none")
REPORTS = ("coverage",)
SUBSTITUTES = ("docket",)
"""The libraries whose name can mean our facade."""
PAGE, HEAD = b"<title>taskq: ", 1000
"""What is at the beginning of every page of a run that we have written."""
SWITCHES = {"yes": True, "true": True, "on": True, "1": True}
SWITCHES |= {"no": False, "false": False, "off": False, "0": False}


class Options(NamedTuple):
    """What the user chose.

    ``backends``: the stores under the fixtures, one after the other. ``urls``: of servers that
    are there already, by backend. ``binaries``: where to look for those that are not.
    ``strict``: what no test may leave unseen. ``seed``: of jitter. ``chain_limit``: how many
    attempts one chain of jobs may have in one run.
    ``freezer``: what moves Python's own clocks. ``stuck_after``: how many real seconds nothing may
    move in a test before it fails; 0 for any number. ``timeline``: of which tests one is shown.
    ``redact``: the user's own judge of secrets, as "module:function". ``html``: where the page
    of the run is written. ``reports``: what the run says at its end. ``substitutes``: the
    libraries whose name means our facade.
    """

    backends: tuple[str, ...] = ("memory",)
    urls: Mapping[str, str] = MappingProxyType({})
    binaries: Mapping[str, str] = MappingProxyType({})
    allow_remote: bool = False
    seed: int = 0
    strict: frozenset[str] = frozenset({"errors"})
    chain_limit: int = 1_000
    freezer: str = "auto"
    stuck_after: int = 5
    timeline: str = "failed"
    redact: str = ""
    html: str = ""
    reports: tuple[str, ...] = ()
    substitutes: tuple[str, ...] = ()


OPTIONS: pytest.StashKey[Options] = pytest.StashKey()


def add_options(parser: pytest.Parser) -> None:
    """Declare command line and ini options; None means not given."""
    group = parser.getgroup("taskq", "task queue testing (pytest-taskq)")
    for name, metavar, text in (
        (
            "backend",
            "NAME[,NAME...]",
            f"stores to run each test on: {', '.join(BACKENDS)} (default: memory)",
        ),
        ("url", "URL[,URL...]", "existing server for redis or postgres (default: a private one)"),
        ("redis_bin", "PATH", "redis-server to start, or the folder it is in"),
        ("postgres_bin", "FOLDER", "folder that has the initdb and postgres to start"),
        ("seed", "N", "seed of the jitter in back-off delays (default: 0)"),
        ("chain_limit", "N", "attempts that a chain of jobs may have in a run (default: 1000)"),
        ("strict", "KIND[,KIND...]", f"{STRICT_HELP} (default: errors)"),
        ("freezer", "NAME", f"what moves Python's clocks: {', '.join(FREEZERS)} (default: auto)"),
        ("stuck_after", "SECONDS", "real seconds until a test that cannot move ends (default: 5)"),
        ("timeline", "WHICH", f"tests whose timeline is shown: {', '.join(TIMELINES)}"),
        ("redact", "MODULE:FUNCTION", "what shows an argument, by (name, value), without secrets"),
        ("substitute", "NAME", f"libraries that our facade stands for: {', '.join(SUBSTITUTES)}"),
        ("html", "PATH", "write one page about the jobs of every test"),
        ("report", "NAME[,NAME...]", f"say more at the end of the run: {', '.join(REPORTS)}"),
    ):
        action = "append" if name in {"backend", "url", "report", "strict"} else "store"
        group.addoption(
            _flag(name), action=action, dest=f"taskq_{name}", metavar=metavar, help=text
        )
        parser.addini(f"taskq_{name}", text)
    text = "let --taskq-url lead to another machine, or to a name that smells of production"
    group.addoption(_flag("allow_remote"), action="store_const", const="yes", help=text)
    parser.addini("taskq_allow_remote", text)


def read_options(config: pytest.Config) -> Options:
    """The options in force, read once. Raises UsageError for a value that can mean nothing."""
    try:
        return config.stash[OPTIONS]
    except KeyError:
        options = config.stash[OPTIONS] = _read(config)
        return options


def _read(config: pytest.Config) -> Options:
    backends, origin = _list(config, "backend", "memory")
    for backend in backends:
        if backend not in BACKENDS:
            raise pytest.UsageError(
                f"taskq: there is no backend {backend!r}. It was chosen by {origin}, and the "
                f"backends are: {', '.join(BACKENDS)}. Correct the name, or leave it out for "
                f"memory."
            )
    binaries = {name: _value(config, f"{name}_bin", "")[0] for name in SERVERS}
    urls = _urls(config)
    if origin == "default" and getattr(config.option, "taskq_url", None):
        backends = tuple(urls)  # who names a server means it
    return Options(
        backends=backends,
        urls=urls,
        binaries={name: path for name, path in binaries.items() if path},
        allow_remote=_switch(config, "allow_remote"),
        seed=_number(config, "seed", "0", least=0),
        chain_limit=_number(config, "chain_limit", "1000", least=1),
        strict=frozenset(_choices(config, "strict", STRICT, "errors")),
        freezer=_freezer(config),
        stuck_after=_number(config, "stuck_after", "5", least=0),
        timeline=_choice(config, "timeline", TIMELINES),
        redact=_function(config, "redact"),
        html=_page(config),
        reports=_choices(config, "report", REPORTS, ""),
        substitutes=_choices(config, "substitute", SUBSTITUTES, ""),
    )


def read_substitutes(config: pytest.Config) -> tuple[str, ...]:
    """The libraries to substitute, before any option can be checked."""
    return _list(config, "substitute", "")[0]


def _choice(config: pytest.Config, name: str, known: tuple[str, ...]) -> str:
    """One of the known words; the first is the default."""
    word, origin = _value(config, name, known[0])
    if word not in known:
        raise pytest.UsageError(
            f"taskq: there is no {name} {word!r}. It was chosen by {origin}, and they are: "
            f"{', '.join(known)}. Correct the name, or leave it out for {known[0]}."
        )
    return word


def _choices(
    config: pytest.Config, name: str, known: tuple[str, ...], default: str
) -> tuple[str, ...]:
    """Some of the known words; "off" stands for none."""
    words, origin = _list(config, name, default)
    if words == ("off",):
        return ()
    for word in words:
        if word not in known:
            raise pytest.UsageError(
                f"taskq: {name} cannot be {word!r}. It was chosen by {origin}, and there are: "
                f"{', '.join(known)}. Correct the word, or say off for none."
            )
    return words


def _freezer(config: pytest.Config) -> str:
    name = _choice(config, "freezer", FREEZERS)
    if name != "time-machine":
        return name
    from pytest_taskq.engine.freezers import has_time_machine

    if not has_time_machine():
        raise pytest.UsageError(
            "taskq: the freezer time-machine is not installed, in release 3 or newer. It was "
            f"chosen by {_value(config, 'freezer', '')[1]}. Run: pip install "
            '"pytest-taskq[time-machine]", or choose freezegun.'
        )
    return name


def _page(config: pytest.Config) -> str:
    """Where to write the page: never over a file that is something else."""
    given, origin = _value(config, "html", "")
    if given and Path(given).is_file() and PAGE not in _head(Path(given)):
        raise pytest.UsageError(
            f"taskq: the page of the run would be written over {given}, which is no such page. "
            f"It was named by {origin}. Name another file: {_flag('html')}=jobs.html."
        )
    return given


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)


def _function(config: pytest.Config, name: str) -> str:
    """The name of a function, in a form that can lead to one."""
    given, origin = _value(config, name, "")
    if given and not all(given.partition(":")[::2]):
        raise pytest.UsageError(
            f"taskq: {name} names a function as module:function. It is {given!r}, by {origin}. "
            f'Write for instance "myshop.testing:{name}".'
        )
    return given


def _urls(config: pytest.Config) -> dict[str, str]:
    """The given servers by backend. What is wrong with a URL is told without showing it."""
    urls: dict[str, str] = {}
    given, origin = _list(config, "url", "")
    for url in given:
        scheme = url.partition("://")[0] if "://" in url else ""
        kinds = [name for name, schemes in SERVERS.items() if scheme in schemes]
        if not kinds or kinds[0] in urls:
            known = ", ".join(f"{name}://" for names in SERVERS.values() for name in names)
            problem = f"two for {kinds[0]}" if kinds else f"one that begins with {scheme!r}"
            raise pytest.UsageError(
                f"taskq: the URLs of servers must have one known scheme each. There is {problem}, "
                f"by {origin}. Use one URL for each server; the schemes are: {known}."
            )
        urls[kinds[0]] = url
    return urls


def _list(config: pytest.Config, name: str, default: str) -> tuple[tuple[str, ...], str]:
    """The values of an option that may be given several times, or with commas; each once."""
    given, origin = _value(config, name, default)
    # An option that is given nothing, as by an unset variable, is not given.
    values = [part.strip() for part in given.split(",") if part.strip()]
    return tuple(dict.fromkeys(values or filter(None, default.split(",")))), origin


def _switch(config: pytest.Config, name: str) -> bool:
    given, origin = _value(config, name, "no")
    if given.lower() not in SWITCHES:
        raise pytest.UsageError(
            f"taskq: {name.replace('_', ' ')} is on or off. It is {given!r}, by {origin}. "
            f"Use yes or no."
        )
    return SWITCHES[given.lower()]


def _number(config: pytest.Config, name: str, default: str, *, least: int) -> int:
    given, origin = _value(config, name, default)
    if not given.isdecimal() or int(given) < least:
        raise pytest.UsageError(
            f"taskq: the {name.replace('_', ' ')} must be a whole number of at least {least}. "
            f"It is {given!r}, by {origin}. Use for instance {_flag(name)}={default}."
        )
    return int(given)


def _value(config: pytest.Config, name: str, default: str) -> tuple[str, str]:
    """A raw value and where it came from."""
    given = getattr(config.option, f"taskq_{name}", None)
    if given is None:  # while the first conftest.py is not yet loaded, they are elsewhere
        given = getattr(config.known_args_namespace, f"taskq_{name}", None)
    if given is not None:
        return ",".join(given) if isinstance(given, list) else str(given), _flag(name)
    variable = f"TASKQ_{name.upper()}"
    if os.environ.get(variable):
        return os.environ[variable], f"the environment variable {variable}"
    written = config.getini(f"taskq_{name}")
    if written:
        return str(written), f"the ini key taskq_{name}"
    return default, "default"


def _flag(name: str) -> str:
    return f"--taskq-{name}".replace("_", "-")
