"""The plugin's options: command line, then environment, then ini file, then default."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from datetime import datetime

    from pytest_taskq.engine.clock import Mode

__all__ = ["Options", "TimeMark", "add_options", "read_options", "time_mark"]

BACKENDS = ("memory",)
MODES = ("auto", "held", "real")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the user chose.

    ``backend``: the store under the fixtures. ``seed``: of jitter. ``chain_limit``: how many
    attempts one chain of jobs may have in one run.
    """

    backend: str = "memory"
    seed: int = 0
    chain_limit: int = 1_000


@dataclass(frozen=True, kw_only=True)
class TimeMark:
    """The arguments of ``@pytest.mark.taskq_time``: ``start`` None begins at the present."""

    start: datetime | None = None
    mode: Mode = "held"


OPTIONS: pytest.StashKey[Options] = pytest.StashKey()


def add_options(parser: pytest.Parser) -> None:
    """Declare command line and ini options; None means not given."""
    group = parser.getgroup("taskq", "task queue testing (pytest-taskq)")
    for name, metavar, text in (
        ("backend", "NAME", f"store under the fixtures: {', '.join(BACKENDS)} (default: memory)"),
        ("seed", "N", "seed of the jitter in back-off delays (default: 0)"),
        ("chain_limit", "N", "attempts that a chain of jobs may have in a run (default: 1000)"),
    ):
        flag = f"--taskq-{name}".replace("_", "-")
        group.addoption(flag, dest=f"taskq_{name}", metavar=metavar, help=text)
        parser.addini(f"taskq_{name}", text)


def read_options(config: pytest.Config) -> Options:
    """The options in force, read once. Raises UsageError for a value that can mean nothing."""
    options: Options | None = config.stash.get(OPTIONS, None)
    if options is None:
        options = config.stash[OPTIONS] = _read(config)
    return options


def _read(config: pytest.Config) -> Options:
    backend, origin = _value(config, "backend", "memory")
    if backend not in BACKENDS:
        raise pytest.UsageError(
            f"taskq: there is no backend {backend!r}. It was chosen by {origin}, and the backends "
            f"are: {', '.join(BACKENDS)}. Correct the name, or leave it out for memory."
        )
    return Options(
        backend=backend,
        seed=_number(config, "seed", "0", least=0),
        chain_limit=_number(config, "chain_limit", "1000", least=1),
    )


def _number(config: pytest.Config, name: str, default: str, *, least: int) -> int:
    given, origin = _value(config, name, default)
    if not given.isdecimal() or int(given) < least:
        flag = f"--taskq-{name}".replace("_", "-")
        raise pytest.UsageError(
            f"taskq: the {name.replace('_', ' ')} must be a whole number of at least {least}. "
            f"It is {given!r}, by {origin}. Use for instance {flag}={default}."
        )
    return int(given)


def time_mark(node: pytest.Item) -> TimeMark | None:
    """The closest ``taskq_time`` marker of a test. A wrong one fails the test, in one line."""
    mark = node.get_closest_marker("taskq_time")
    if mark is None:
        return None
    names = ("start", "mode")
    given: dict[str, Any] = {**dict(zip(names, mark.args, strict=False)), **mark.kwargs}
    wrong = sorted(set(given) - set(names))
    mode, start = given.get("mode", "held"), given.get("start")
    problem = None
    if len(mark.args) > len(names) or set(names[: len(mark.args)]) & set(mark.kwargs):
        problem = f"It was given {len(mark.args)} positional arguments and {sorted(mark.kwargs)}"
    elif wrong:
        problem = f"It was given {', '.join(wrong)}"
    elif mode not in MODES:
        problem = f"It was given mode={mode!r}, which is none of {', '.join(MODES)}"
    elif mode == "real" and start is not None:
        problem = "It was given a start and mode='real', and a real clock cannot start elsewhere"
    else:
        try:
            start = _instant(start)
        except (TypeError, ValueError) as error:
            problem = f"It was given start={start!r} ({error})"
            if start in MODES:
                problem += f"; did you mean mode={start!r}?"
    if problem is not None:
        pytest.fail(
            f"{node.nodeid}: the marker taskq_time takes start and mode. {problem}. "
            f'Write for instance @pytest.mark.taskq_time("2030-01-01T12:00:00+00:00").',
            pytrace=False,
        )
    return TimeMark(start=start, mode=mode)


def _instant(start: object) -> datetime | None:
    """A start as an aware datetime; a text without an offset is UTC."""
    from datetime import datetime

    if start is None:
        return None
    if isinstance(start, str):
        moment = datetime.fromisoformat(start)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not isinstance(start, datetime):
        raise TypeError(f"a datetime or a text is needed, not {type(start).__name__}")
    if start.tzinfo is None:
        raise ValueError("a datetime without a time zone is no instant")
    return start


def _value(config: pytest.Config, name: str, default: str) -> tuple[str, str]:
    """A raw value and where it came from."""
    given = config.getoption(f"taskq_{name}")
    if given is not None:
        return str(given), f"--taskq-{name}".replace("_", "-")
    variable = f"TASKQ_{name.upper()}"
    if os.environ.get(variable):
        return os.environ[variable], f"the environment variable {variable}"
    written = config.getini(f"taskq_{name}")
    if written:
        return str(written), f"the ini key taskq_{name}"
    return default, "default"
