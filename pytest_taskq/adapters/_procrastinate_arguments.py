"""The arguments of jobs on their way through the database: strict JSON, in the order of jsonb."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pytest_taskq.adapters._procrastinate_changes import Refused
from pytest_taskq.core.errors import NotStorable
from pytest_taskq.core.job import JobId
from pytest_taskq.core.payload import encode_call
from pytest_taskq.core.plain_json import to_plain_json

__all__ = ["Arguments", "json_of"]

Json = Callable[[Any], Any]


class Arguments:
    """Writes arguments, and gives them back.

    ``dumps`` and ``loads`` are the user's own. With ``as_they_are`` the task gets the very
    object that was deferred, as the shipped connector hands it over.
    """

    def __init__(self) -> None:
        self.dumps: Json | None = None
        self.loads: Json | None = None
        self.as_they_are = False
        self._objects: dict[JobId, Mapping[str, Any]] = {}

    def encode(self, args: Mapping[str, Any]) -> str:
        """The payload.

        Raises NotStorable for what JSON has no form for, Refused for what the database refuses.
        """
        if self.as_they_are:
            return encode_call((), _shown(args))
        plain = to_plain_json(args, self.dumps)
        try:
            return encode_call((), plain if _is_simple(plain) else _in_order(plain))
        except NotStorable as error:
            raise Refused(str(error)) from None

    def keep(self, job_id: JobId, args: Mapping[str, Any]) -> None:
        """Remember the object itself where it is to be handed over."""
        if self.as_they_are:
            self._objects[job_id] = args

    def given(self, job_id: JobId, args: dict[str, Any]) -> Any:
        """What the task is to get."""
        if self.loads is not None:
            return self.loads(json.dumps(args))
        return self._objects.get(job_id, args) if self.as_they_are else args

    def forget(self, job_id: JobId) -> None:
        """The job is gone."""
        self._objects.pop(job_id, None)

    def clear(self) -> None:
        """All jobs are gone."""
        self._objects.clear()


def _shown(args: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments for the eye, where a value may be what no text can hold."""
    shown = {}
    for name, value in args.items():
        try:
            encode_call((), {name: value})
        except (NotStorable, ValueError):
            shown[str(name)] = repr(value)
        else:
            shown[str(name)] = value
    return shown


def _is_simple(args: Mapping[str, Any]) -> bool:
    return len(args) < 2 and not any(type(value) in {dict, list} for value in args.values())


def _in_order(value: Any) -> Any:
    """With the keys as jsonb has them: the short ones first, then by their bytes."""
    if isinstance(value, Mapping):
        names = sorted(value, key=lambda name: (len(name.encode(errors="replace")), name))
        return {name: _in_order(value[name]) for name in names}
    if isinstance(value, list):
        return [_in_order(part) for part in value]
    return value


def json_of(before: Any, name: str) -> Json | None:
    """The function for JSON that a connector was given; the real ones keep it to themselves."""
    own: Json | None = getattr(before, name, None) or getattr(before, f"_{name}", None)
    return own
