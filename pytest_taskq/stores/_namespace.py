"""What a namespace on a server may be called: a name that needs quoting nowhere."""

from __future__ import annotations

import re

from pytest_taskq.core.errors import BadOption

__all__ = ["check_namespace"]

NAMESPACE = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,40}")


def check_namespace(name: str) -> str:
    """The name. Raises BadOption for one that could reach into another, or be read as code."""
    if not NAMESPACE.fullmatch(name):
        raise BadOption(
            f"A namespace is 1 to 41 of the characters a-z, 0-9 and _, without a digit or "
            f"'pg_' in front. It is {ascii(name)[:60]}. Use a shorter, plain name."
        )
    return name
