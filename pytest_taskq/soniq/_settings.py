"""The settings of an app: Soniq's names and defaults, and what becomes of the others."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any

from pytest_taskq.core.errors import BadOption
from pytest_taskq.soniq._rows import check_priority

__all__ = ["Settings", "read_settings", "warn_of_options"]

# They are about servers, processes and polling, of which there are none here.
WITHOUT_EFFECT = frozenset({
    "cleanup_interval", "debug", "environment", "error_retry_delay", "heartbeat_interval",
    "heartbeat_timeout", "jobs_modules", "log_level", "pool_headroom", "pool_max_size",
    "pool_min_size", "poll_interval", "sync_handler_grace_seconds", "sync_handler_pool_size",
})  # fmt: skip
VALIDATIONS = ("strict", "warn", "none")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an app goes by. Times are in seconds; defaults as in soniq 0.1.

    ``max_retries`` and ``priority`` are for names that are not registered in this app.
    """

    concurrency: int = 4
    enqueue_validation: str = "strict"
    job_timeout: float | None = 300.0
    max_retries: int = 3
    priority: int = 100
    producer_id: str = "auto"
    result_ttl: int = 300
    route_map: Mapping[str, str] = field(default_factory=dict)
    shutdown_timeout: float = 30.0
    snooze_max_seconds: float = 86_400.0
    task_name_pattern: str = r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*"

    def __post_init__(self) -> None:
        self._check("concurrency", "1 or more", self.concurrency >= 1)
        self._check(
            "enqueue_validation", "strict, warn or none", self.enqueue_validation in VALIDATIONS
        )
        timeout = self.job_timeout
        self._check("job_timeout", "None, 0, or 1 or more", not timeout or timeout >= 1)
        self._check("max_retries", "from 0 to 10", 0 <= self.max_retries <= 10)
        check_priority(self.priority)
        self._check("result_ttl", "1 or more: a row is not deleted here", self.result_ttl >= 1)
        self._check("shutdown_timeout", "0.1 or more", self.shutdown_timeout >= 0.1)
        self._check("snooze_max_seconds", "above 0", self.snooze_max_seconds > 0)

    def _check(self, name: str, allowed: str, holds: bool) -> None:
        if not holds:
            raise BadOption(
                f"The setting {name} has a value that means nothing. "
                f"It is {getattr(self, name)!r}. It may be {allowed}."
            )


def read_settings(given: Mapping[str, Any]) -> Settings:
    """The settings of the keywords that an app was made with; warns of those it does not know."""
    known = {setting.name for setting in fields(Settings)}
    for name in sorted(set(given) - known - WITHOUT_EFFECT):
        near = get_close_matches(name, known, n=1)
        step = f"Was {near[0]} meant?" if near else "Leave it out."
        warnings.warn(
            f"Soniq ignores {name}={given[name]!r}. There is no setting of that name here. {step}",
            UserWarning,
            stacklevel=_user_level(),
        )
    return Settings(**{name: value for name, value in given.items() if name in known})


def _user_level() -> int:
    """The stacklevel, for the caller, of the nearest code outside this package: a user's."""
    package = __name__.partition(".")[0] + "."
    level, frame = 0, inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").startswith(package):
        level, frame = level + 1, frame.f_back
    return level


def warn_of_options(names: Iterable[str]) -> None:
    """Say that options of ``job()`` have no effect."""
    warnings.warn(
        f"job() ignores {', '.join(sorted(names))}. There is no such option here. "
        f"Leave it out, or test what depends on it with the library.",
        UserWarning,
        stacklevel=3,
    )
