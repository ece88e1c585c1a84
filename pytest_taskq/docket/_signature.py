"""A signature in one line, for the list of tasks that a worker announces."""

from __future__ import annotations

import inspect
from typing import get_args

from pytest_taskq.docket._dependency import Dependency

__all__ = ["compact_signature"]


def compact_signature(signature: inspect.Signature) -> str:
    """Names, types and defaults of the parameters; dependencies are one ``...`` at the end."""
    shown: list[str] = []
    parameters = signature.parameters.values()
    given = [one for one in parameters if not isinstance(one.default, Dependency)]
    for parameter in given:
        text = parameter.name
        if parameter.annotation is not parameter.empty:
            kind = parameter.annotation
            if hasattr(kind, "__origin__"):
                kind = get_args(kind)[0]
            text += f": {getattr(kind, '__name__', kind)}"
        if parameter.default is not parameter.empty:
            text += f" = {parameter.default!r}"
        shown.append(text)
    if len(given) < len(parameters):
        shown.append("...")
    return ", ".join(shown)
