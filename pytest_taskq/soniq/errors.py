"""Soniq's one exception and its codes: a program tells errors apart by the code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "SONIQ_APP_CLOSED",
    "SONIQ_APP_FROZEN",
    "SONIQ_INVALID_TASK_NAME",
    "SONIQ_PLUGIN_DUPLICATE",
    "SONIQ_TASK_ARGS_INVALID",
    "SONIQ_UNKNOWN_TASK_NAME",
    "SoniqError",
]

SONIQ_APP_CLOSED = "SONIQ_APP_CLOSED"
SONIQ_APP_FROZEN = "SONIQ_APP_FROZEN"
SONIQ_INVALID_TASK_NAME = "SONIQ_INVALID_TASK_NAME"
SONIQ_PLUGIN_DUPLICATE = "SONIQ_PLUGIN_DUPLICATE"
SONIQ_TASK_ARGS_INVALID = "SONIQ_TASK_ARGS_INVALID"
SONIQ_UNKNOWN_TASK_NAME = "SONIQ_UNKNOWN_TASK_NAME"


class SoniqError(Exception):
    """What Soniq raises; ``error_code`` is one of the names of this module.

    ``context`` has the facts, and ``suggestions`` the next steps, as soniq 0.1 has them.
    """

    def __init__(
        self,
        message: str,
        error_code: str,
        context: Mapping[str, Any] | None = None,
        suggestions: Sequence[str] = (),
    ) -> None:
        self.message = message
        self.error_code = error_code
        self.context = dict(context or {})
        self.suggestions = list(suggestions)
        super().__init__(" ".join([f"[{error_code}] {message}", *self.suggestions]))
