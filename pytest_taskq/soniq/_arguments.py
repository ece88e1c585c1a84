"""Arguments and results in the form in which Soniq's databases keep them: plain JSON."""

from __future__ import annotations

import hashlib
import json
import logging
from typing import Any

from pytest_taskq.core.errors import NotStorable, PayloadTooLarge
from pytest_taskq.core.payload import encode_call
from pytest_taskq.soniq.errors import SONIQ_TASK_ARGS_INVALID, SoniqError

__all__ = ["as_stored", "fingerprint", "result_as_stored"]

NOT_JSON = (TypeError, ValueError, RecursionError)
SCALARS = frozenset({str, int, bool, type(None)})


def as_stored(name: str, args: dict[str, Any]) -> str:
    """The payload of a job with these arguments; a tuple in them has become a list.

    Raises SoniqError with the path of the first value that cannot be stored as JSON, or with
    the size of what is too large.
    """
    try:
        if not SCALARS.issuperset(map(type, args.values())):
            args = json.loads(json.dumps(args, allow_nan=False))
        return encode_call((), args)
    except PayloadTooLarge as error:
        raise SoniqError(
            f"The arguments of {name!r} do not fit into a job. {error}",
            SONIQ_TASK_ARGS_INVALID,
            {"task_name": name, "path": "args"},
        ) from None
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
    """The result as ``get_result`` gives it: what is not JSON becomes its text, with a warning.

    Raises nothing: the job has succeeded, whatever its result does when it is looked at.
    """
    if value is None:
        return None
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - as the docstring says
        return _text_of_result(name, value)


def fingerprint(name: str, args: dict[str, Any]) -> str:
    """A hash that is equal for equal arguments, whatever their order; the one of soniq 0.1.

    Raises SoniqError for a dict whose keys have no order.
    """
    try:
        text = json.dumps(args, sort_keys=True, separators=(",", ":"))
    except TypeError:
        path, kinds = _first_unsorted(args, "args") or ("args", "keys without an order")
        raise SoniqError(
            f"The arguments of {name!r} cannot be compared with those of its like, which a unique "
            f"job needs. The keys of {path} are {kinds}.",
            SONIQ_TASK_ARGS_INVALID,
            {"task_name": name, "path": path},
            ["Write all keys of a dict as texts, or give a dedup_key instead of unique=True."],
        ) from None
    return hashlib.sha256(text.encode()).hexdigest()


def _text_of_result(name: str, value: object) -> str:
    kind = "no JSON"
    try:
        kind = _shown(value)
        text = str(value)
    except KeyboardInterrupt:
        raise
    except BaseException as broken:  # noqa: BLE001 - a broken __str__ must not fail the job
        text = f"<its text cannot be shown: {type(broken).__qualname__}>"
    logging.getLogger(__name__).warning("The result of %s is kept as text: it is %s.", name, kind)
    return text


def _first_unsorted(value: object, path: str) -> tuple[str, str] | None:
    """The path of the outermost dict whose keys cannot be sorted, and the types of these."""
    if not isinstance(value, dict | list | tuple):
        return None
    parts = [(f"[{place}]", part) for place, part in enumerate(value)]
    if isinstance(value, dict):
        try:
            sorted(value)
        except TypeError:
            return path, " and ".join(sorted({type(key).__name__ for key in value}))
        parts = [(f".{key}", part) for key, part in value.items()]
    found = (_first_unsorted(part, path + step) for step, part in parts)
    return next(filter(None, found), None)


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
