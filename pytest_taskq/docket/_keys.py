"""Keys that nobody chose: made here, and told apart from the others."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import count
from types import MappingProxyType
from typing import Any

from pytest_taskq.core.job import NO_LABELS, Job

__all__ = ["chosen_key", "fresh_key", "key_labels"]

FRESH_KEY = MappingProxyType({"fresh_key": True})
"""The label of a job whose key nobody chose, so that reports can leave it out."""

_RUN = os.urandom(8).hex()
_NUMBERS = count(1)


def fresh_key() -> str:
    """A key that no other process makes, a forked one included."""
    return f"{_RUN}-{os.getpid():x}-{next(_NUMBERS):x}"


def key_labels(key: str) -> Mapping[str, Any]:
    """The labels of a job with this key."""
    return FRESH_KEY if key.startswith(_RUN) else NO_LABELS


def chosen_key(job: Job) -> str | None:
    """The key of a job, if somebody chose it."""
    return None if "fresh_key" in job.labels else job.key
