"""The settings of an app: Soniq's names, defaults and bounds, and where their values come from."""

from __future__ import annotations

import inspect
import json
import os
import re
import warnings
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pytest_taskq.core.errors import BadOption

__all__ = ["SoniqSettings", "read_settings", "warn_of_options"]

PREFIX = "SONIQ_"
ATTEMPTS = "Was max_retries meant, which does not count the first attempt?"
TRUE, FALSE = frozenset({"1", "true", "t", "yes", "y", "on"}), frozenset({"0", "false", ""})
CHOICES = {
    "enqueue_validation": ("strict", "warn", "none"),
    "log_level": ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
}
BOUNDS: dict[str, tuple[float, float]] = {
    "cleanup_interval": (10, 3600),
    "concurrency": (1, 100),
    "error_retry_delay": (0.1, 300),
    "heartbeat_interval": (0.1, 60),
    "heartbeat_timeout": (60, 7200),
    "job_timeout": (1, float("inf")),
    "max_retries": (0, 10),
    "poll_interval": (0.1, 60),
    "pool_headroom": (0, 50),
    "pool_max_size": (1, 200),
    "pool_min_size": (1, 100),
    "priority": (1, 1000),
    "result_ttl": (0, float("inf")),
    "shutdown_timeout": (0.1, 3600),
    "snooze_max_seconds": (1e-6, float("inf")),
    "sync_handler_grace_seconds": (0, float("inf")),
    "sync_handler_pool_size": (1, 256),
}


@dataclass(kw_only=True)
class SoniqSettings:
    """What an app goes by. Times are in seconds; names, defaults and bounds as in soniq 0.1.

    ``job_timeout`` 0 or None: no limit. ``result_ttl`` 0: a job that succeeded is deleted at
    once. ``max_retries`` and ``priority`` are for names that are not registered in this app.
    Those that are about servers, polling and processes are kept and have no effect: the
    database, the pool, ``poll_interval``, heartbeats, ``cleanup_interval``, logging, discovery.
    """

    cleanup_interval: float = 300.0
    concurrency: int = 4
    database_url: str = "postgresql://postgres@localhost/soniq"
    debug: bool = False
    enqueue_validation: str = "strict"
    environment: str = "production"
    error_retry_delay: float = 5.0
    heartbeat_interval: float = 5.0
    heartbeat_timeout: float = 300.0
    job_timeout: float | None = 300.0
    jobs_modules: str = ""
    log_level: str = "INFO"
    max_retries: int = 3
    poll_interval: float = 5.0
    pool_headroom: int = 2
    pool_max_size: int = 20
    pool_min_size: int = 5
    priority: int = 100
    producer_id: str = "auto"
    queues: list[str] = field(default_factory=lambda: ["default"])
    result_ttl: int = 300
    route_map: Mapping[str, str] = field(default_factory=dict)
    shutdown_timeout: float = 30.0
    snooze_max_seconds: float = 86_400.0
    sync_handler_grace_seconds: float | None = None
    sync_handler_pool_size: int = 8
    task_name_pattern: str = r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$"

    def __post_init__(self) -> None:
        self.job_timeout = self.job_timeout or None
        self.log_level = str(self.log_level).upper()
        for name, (least, most) in BOUNDS.items():
            value = getattr(self, name)
            if value is None and name in OPTIONAL:
                continue
            number = isinstance(value, int) if name in WHOLE else isinstance(value, int | float)
            if not number or isinstance(value, bool) or not least <= value <= most:
                kind = "whole number" if name in WHOLE else "number"
                raise _bad(name, value, f"a {kind} from {least:g} to {most:g}")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise _bad(name, getattr(self, name), f"one of {', '.join(choices)}")
        try:
            re.compile(self.task_name_pattern)
        except (re.error, TypeError):
            raise _bad("task_name_pattern", self.task_name_pattern, "a pattern of re") from None


OPTIONAL = frozenset({"job_timeout", "sync_handler_grace_seconds"})
WHOLE = frozenset(setting.name for setting in fields(SoniqSettings) if setting.type == "int")
KINDS = {setting.name: str(setting.type) for setting in fields(SoniqSettings)}


def read_settings(given: Mapping[str, Any]) -> SoniqSettings:
    """The settings of the keywords that an app was made with; warns of those it does not know.

    As in soniq, what was not given comes from ``SONIQ_*`` variables, or from ``.env`` here.
    """
    for name in sorted(set(given) - KINDS.keys()):
        step = _meant(name, KINDS) or "Leave it out."
        warnings.warn(
            f"Soniq ignores {name}={given[name]!r}. There is no setting of that name here. {step}",
            UserWarning,
            stacklevel=_user_level(),
        )
    values = {name: _parsed(name, text) for name, text in _surroundings().items()}
    return SoniqSettings(**values | {name: given[name] for name in given if name in KINDS})


def warn_of_options(names: Iterable[str], known: Collection[str]) -> None:
    """Say that options of ``job()`` have no effect, and which of the known ones have."""
    unknown = sorted(names)
    meant = [ATTEMPTS if "attempts" in name else _meant(name, known) for name in unknown]
    steps = [*meant, "Leave it out, or test what depends on it with the library."]
    warnings.warn(
        f"job() ignores {', '.join(unknown)}. There is no such option here. "
        f"{' '.join(filter(None, steps))}",
        UserWarning,
        stacklevel=_user_level(),
    )


def _meant(name: str, known: Collection[str]) -> str:
    """A question after the nearest name; empty where none is near."""
    near = get_close_matches(name, known, n=1)
    return f"Was {near[0]} meant?" if near else ""


def _surroundings() -> dict[str, str]:
    """The settings that the environment has, and the file ``.env`` beside it."""
    found = {}
    try:
        lines = Path(".env").read_text("utf-8").splitlines()
    except (OSError, ValueError):
        lines = []
    for line in lines:
        name, is_pair, text = line.strip().removeprefix("export ").partition("=")
        if is_pair and not name.startswith("#"):
            found[name.strip().upper()] = text.strip().strip("'\"")
    found |= {name.upper(): text for name, text in os.environ.items()}
    return {name: found[PREFIX + name.upper()] for name in KINDS if PREFIX + name.upper() in found}


def _parsed(name: str, text: str) -> Any:
    kind = KINDS[name].partition(" ")[0]
    try:
        if kind == "int":
            return int(text)
        if kind == "float":
            return float(text)
        if kind == "bool" and text.lower() in TRUE | FALSE:
            return text.lower() in TRUE
        if kind.startswith("Mapping"):
            return dict(json.loads(text))
    except (ValueError, TypeError):
        pass
    else:
        if kind == "str":
            return text
        if kind.startswith("list"):
            return [part.strip() for part in text.split(",") if part.strip()]
    raise _bad(name, text, f"of the type {KINDS[name]}; it came from {PREFIX}{name.upper()}")


def _bad(name: str, value: object, allowed: str) -> BadOption:
    return BadOption(
        f"The setting {name} has a value that means nothing. It is {value!r}. It may be {allowed}."
    )


def _user_level() -> int:
    """The stacklevel, for the caller, of the nearest code outside this package: a user's."""
    package = __name__.partition(".")[0] + "."
    level, frame = 0, inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").startswith(package):
        level, frame = level + 1, frame.f_back
    return level
