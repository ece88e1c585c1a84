"""Arguments and results in the form in which Soniq's databases keep them: plain JSON."""

from __future__ import annotations

import hashlib
import json
import logging
from typing import Any

from pytest_taskq.core.errors import NotStorable
from pytest_taskq.core.payload import encode_call
from pytest_taskq.soniq.errors import SONIQ_TASK_ARGS_INVALID, SoniqError

__all__ = ["as_stored", "fingerprint", "result_as_stored"]

logger = logging.getLogger(__name__)

NOT_JSON = (TypeError, ValueError, RecursionError)
SCALARS = frozenset({str, int, bool, type(None)})


def as_stored(name: str, args: dict[str, Any]) -> str:
    """The payload of a job with these arguments; a tuple in them has become a list.

    Raises SoniqError with the path of the first value that cannot be stored as JSON.
    """
    try:
        if not SCALARS.issuperset(map(type, args.values())):
            args = json.loads(json.dumps(args, allow_nan=False))
        return encode_call((), args)
    except NotStorable as error:
        path, problem = error.path, str(error)
    except NOT_JSON:
        path, value = _first_unfit(args, "args")
        problem = f"{path} is {_shown(value)}."
    raise SoniqError(
        f"The arguments of {name!r} must be JSON. {problem}",
        SONIQ_TASK_ARGS_INVALID,
        {"task_name": name, "path": path},
        ["Pass dicts, lists, texts, numbers, booleans and None; a datetime as isoformat()."],
    )


def result_as_stored(name: str, value: object) -> Any:
    """The result as ``get_result`` gives it: what is not JSON becomes its text, with a warning."""
    if value is None:
        return None
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except NOT_JSON:
        logger.warning("The result of %s is kept as text: it is %s.", name, _shown(value))
        return str(value)


def fingerprint(args: dict[str, Any]) -> str:
    """A hash that is equal for equal arguments, whatever their order; the one of soniq 0.1."""
    text = json.dumps(args, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _first_unfit(value: object, path: str) -> tuple[str, object]:
    """The path and value of the innermost thing that is not JSON."""
    parts: list[tuple[str, object]] = []
    if isinstance(value, dict):
        parts = [(f"{path}.{name}", part) for name, part in value.items()]
    elif isinstance(value, list | tuple):
        parts = [(f"{path}[{place}]", part) for place, part in enumerate(value)]
    for part_path, part in parts:
        try:
            json.dumps(part, allow_nan=False)
        except RecursionError:
            return part_path, part
        except (TypeError, ValueError):
            return _first_unfit(part, part_path)
    return path, value


def _shown(value: object) -> str:
    text = type(value).__name__
    return f"a {text}" if not isinstance(value, float) else f"the float {value!r}"
