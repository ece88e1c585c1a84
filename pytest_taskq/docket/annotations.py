"""Annotations of a task's parameters: what of an argument may be seen in log lines."""

from __future__ import annotations

import inspect
from abc import ABC
from collections.abc import Mapping
from typing import Any, Self

__all__ = ["Annotation", "Logged"]

LENGTHS = (((dict, set), "{{len {}}}"), (tuple, "(len {})"))


class Annotation(ABC):  # noqa: B024 - the base of those that stand inside of Annotated
    """What stands in ``Annotated`` beside the type of a parameter, as an object or a class."""

    @classmethod
    def annotated_parameters(cls, signature: inspect.Signature) -> Mapping[str, Self]:
        """The annotations of this kind by parameter."""
        found: dict[str, Self] = {}
        for parameter in signature.parameters.values():
            for item in getattr(parameter.annotation, "__metadata__", ()):
                if isinstance(item, cls):
                    found[parameter.name] = item
                elif isinstance(item, type) and issubclass(item, cls):
                    found[parameter.name] = item()
        return found


class Logged(Annotation):
    """Shows the argument in the log lines of the task, or with ``length_only`` its length.

    Without it an argument is shown as ``...``, for it may be secret.

        async def greet(name: Annotated[str, Logged], password: str) -> None: ...
    """

    def __init__(self, length_only: bool = False) -> None:
        self.length_only = length_only

    def format(self, argument: Any) -> str:
        """What to show for the argument."""
        if not self.length_only or not hasattr(argument, "__len__"):
            return repr(argument)
        shapes = (shape for kind, shape in LENGTHS if isinstance(argument, kind))
        return next(shapes, "[len {}]").format(len(argument))
