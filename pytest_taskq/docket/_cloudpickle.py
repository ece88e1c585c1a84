"""Python objects as text, by way of cloudpickle: functions and local classes too."""

from __future__ import annotations

import pickle
from base64 import b64decode, b64encode
from typing import Any

from pytest_taskq.core.errors import MissingExtra

try:
    import cloudpickle
except ImportError:
    raise MissingExtra("cloudpickle", "docket") from None

__all__ = ["dump", "load"]


def dump(value: object) -> str:
    """The value as text. Raises what cloudpickle does for what it cannot pickle."""
    return b64encode(cloudpickle.dumps(value)).decode()


def load(text: str) -> Any:
    """The value that ``dump`` wrote."""
    # What our own process wrote into the store of its own test; nobody else writes there.
    return pickle.loads(b64decode(text))  # noqa: S301
