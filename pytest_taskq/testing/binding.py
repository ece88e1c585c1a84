"""The arguments of a job by the parameters of its task, as Python binds them in a call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from pytest_taskq.engine.under_test import TaskInfo

__all__ = ["Parameters", "parameters_of"]

_KNOWN: WeakKeyDictionary[Callable[..., Any], dict[frozenset[str], Parameters]]
_KNOWN = WeakKeyDictionary()
"""Those that were asked for: it takes longer to inspect a function than to match a job."""


class Parameters:
    """Those of a task that its callers fill. What cannot be bound to them raises TypeError.

    inspect takes longer to bind than all else that it takes to match a job, so calls of a function
    whose parameters are all plain ones, which nearly every task is, are not left to it.
    """

    def __init__(self, signature: inspect.Signature) -> None:
        self._signature = signature
        parameters = signature.parameters.values()
        self.names = [each.name for each in parameters]
        self.positional = [
            each.name
            for each in parameters
            if each.kind in {each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD}
        ]
        """Of these, what can be given by position."""
        self._are_plain = all(each.kind is each.POSITIONAL_OR_KEYWORD for each in parameters)
        self._all = frozenset(self.names)
        self._defaults = {
            each.name: each.default for each in parameters if each.default is not each.empty
        }
        self._needed = self._all - self._defaults.keys()

    def bind(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], *, defaults: bool = False
    ) -> dict[str, Any]:
        """The arguments of a whole call by name; with ``defaults``, those that nobody gave too.

        Those of ``*args`` are by position, those of ``**kwargs`` as given.
        """
        found = self._of_plain(args, kwargs)
        if found is None or not found.keys() >= self._needed:
            bound = self._signature.bind(*args, **kwargs)
            if defaults:
                bound.apply_defaults()
            return self._flattened(bound)
        return self._in_order({**self._defaults, **found} if defaults else found)

    def bind_partial(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The same of a call that need not be whole."""
        found = self._of_plain(args, kwargs)
        if found is None:
            return self._flattened(self._signature.bind_partial(*args, **kwargs))
        return self._in_order(found)

    def _of_plain(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any] | None:
        """None for what only inspect can bind, or refuse."""
        if not self._are_plain:
            return None
        found = {**dict(zip(self.names, args, strict=False)), **kwargs}
        takes = len(found) == len(args) + len(kwargs) and found.keys() <= self._all
        return found if takes else None

    def _in_order(self, found: dict[str, Any]) -> dict[str, Any]:
        return {name: found[name] for name in self.names if name in found}

    def _flattened(self, bound: inspect.BoundArguments) -> dict[str, Any]:
        flat: dict[str, Any] = {}
        for name, value in bound.arguments.items():
            kind = self._signature.parameters[name].kind
            if kind is inspect.Parameter.VAR_POSITIONAL:
                flat |= {f"{name}[{at}]": each for at, each in enumerate(value)}
            elif kind is inspect.Parameter.VAR_KEYWORD:
                flat |= value
            else:
                flat[name] = value
        return flat


def parameters_of(info: TaskInfo | None) -> Parameters | None:
    """Those of a task, without what the library fills in; None where they cannot be known."""
    if info is None or info.function is None:
        return None
    try:
        known = _KNOWN.get(info.function)
        if known is None:
            known = _KNOWN[info.function] = {}
    except TypeError:  # a callable object may have no hash, or no room for a weak reference
        known = {}
    found = known.get(info.given)
    if found is None:
        try:
            found = known[info.given] = _parameters(info.function, info.given)
        except (TypeError, ValueError):
            return None
    return found


def _parameters(function: Callable[..., Any], given: frozenset[str]) -> Parameters:
    signature = inspect.signature(function)
    kept = [each for each in signature.parameters.values() if each.name not in given]
    return Parameters(signature.replace(parameters=kept) if given else signature)
