"""Job arguments and results as text: each comes back equal and of its type, or is refused.

The text is JSON. What JSON has no word for is an object with the one key TAG, whose value lists
a word for the type and what it is built from: {"$taskq":["tuple",1,2]}.
"""

from __future__ import annotations

import json
import math
import re
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, EnumType
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from pytest_taskq.core.errors import BadOption, NotStorable, PayloadTooLarge, TaskqError
from pytest_taskq.core.instants import from_parts, to_parts, unfrozen

__all__ = [
    "Unavailable",
    "decode_call",
    "decode_value",
    "encode_call",
    "encode_result",
    "encode_value",
]

LIMIT = 262_144  # bytes of UTF-8, unless a caller says otherwise
MAX_DEPTH = 64  # values in each other, scalars not counted
TAG = "$taskq"
EMPTY = "[[],{}]"
SLACK = 2  # times the limit a value may be before its size is not found out for the message
MOST_BITS = 2_000  # Python may be set to write no decimal integers of more than 640 digits
UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # PostgreSQL, and UTF-8, have no room for these

SCALARS = frozenset({type(None), bool, int, float, str})
TEXT = frozenset({str})
_qualname = type.__dict__["__qualname__"].__get__  # whatever a metaclass makes of the name


class Unavailable(NamedTuple):
    """Stands for a result that could not be stored. ``reason`` is the message of the refusal."""

    type_name: str
    reason: str


def encode_call(
    args: tuple[object, ...], kwargs: Mapping[str, object], *, limit: int = LIMIT
) -> str:
    """The arguments of a call as text of at most ``limit`` bytes.

    Raises NotStorable with the path of the value ("args[0].user", or "args.user" for a keyword
    argument), PayloadTooLarge when they are too long or nested deeper than MAX_DEPTH.

    >>> encode_call((1,), {"day": date(2026, 3, 1)})
    '[[1],{"day":{"$taskq":["date","2026-03-01"]}}]'
    """
    if not args and not kwargs and limit >= len(EMPTY):
        return EMPTY
    if (
        SCALARS.issuperset(map(type, (*args, *kwargs.values())))
        and TEXT.issuperset(map(type, kwargs))
        and TAG not in kwargs
        and (text := _write_quickly((args, kwargs), limit)) is not None
    ):
        return text
    writer = _Writer("args", limit)
    plain = [writer.plain(value, f"args[{n}]", 0) for n, value in enumerate(args)]
    return writer.write((plain, writer.dictionary(kwargs, "args", -1)))


def decode_call(text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments that ``encode_call`` wrote. Raises BadOption for any other text."""
    if text == EMPTY:
        return (), {}
    call = _read(text)
    if type(call) is not list or len(call) != 2:
        raise _unreadable("It holds no arguments of a call")
    return tuple(call[0]), call[1]


def encode_value(value: object, *, path: str = "result", limit: int = LIMIT) -> str:
    """One value as text. Raises as ``encode_call`` does; ``path`` is the value's name there."""
    if type(value) in SCALARS and (text := _write_quickly(value, limit)) is not None:
        return text
    writer = _Writer(path, limit)
    return writer.write(writer.plain(value, path, 0))


def decode_value(text: str) -> Any:
    """The value that ``encode_value`` or ``encode_result`` wrote. Raises BadOption for others."""
    return _read(text)


def encode_result(value: object, *, limit: int = LIMIT) -> str:
    """A task's result as text; an ``Unavailable`` when it cannot be stored. Raises nothing."""
    try:
        return encode_value(value, limit=limit)
    except Exception as error:  # noqa: BLE001 - the job has succeeded, whatever its result is
        reason = str(error) if isinstance(error, TaskqError) else _qualname(type(error))
        words = [UNSTORABLE.sub("?", text)[:1000] for text in (_qualname(type(value)), reason)]
        return _to_json({TAG: ["unavailable", *words]})


class _Writer:
    """Turns values into what JSON can say, and stops when it has seen too many of them."""

    def __init__(self, root: str, limit: int) -> None:
        self.root = root
        self.limit = limit
        self.seen = 0

    def write(self, plain: object) -> str:
        text = _to_json(plain)
        if (size := len(text.encode())) > self.limit:
            raise self.too_large(f"{size:,}")
        return text

    def plain(self, value: Any, path: str, depth: int) -> object:
        kind = type(value)
        if kind in SCALARS:
            return self.scalar(value, path)
        # A large collection is refused before it is walked.
        self.count(2 + (len(value) if kind in {dict, frozenset, list, set, tuple} else 0))
        if depth >= MAX_DEPTH:
            raise PayloadTooLarge(
                f"{self.root} is nested too deep. More than {MAX_DEPTH} values lie in each other, "
                f"or one holds itself. Pass an id, or a flatter value."
            )
        if kind is dict:
            return self.dictionary(value, path, depth)
        if kind is list:
            return [self.plain(item, f"{path}[{n}]", depth + 1) for n, item in enumerate(value)]
        form = FORMS.get(kind) or _unlisted_form(kind, path)
        parts = form.parts(value)
        if parts is None:
            raise NotStorable(path, *form.refusal)
        items = [self.plain(part, f"{path}[{n}]", depth + 1) for n, part in enumerate(parts)]
        if form.word in {"set", "frozenset"}:
            items.sort(key=_to_json)  # one value has one text, whatever the seed of its hashes
        return {TAG: [form.word, *items]}

    def dictionary(self, value: Mapping[Any, Any], path: str, depth: int) -> dict[str, object]:
        names = TEXT.issuperset(map(type, value))
        keys = [self.plain(key, f"{path} (a key)", depth + 1) for key in value]
        items = [
            self.plain(item, f"{path}.{key}" if names else f"{path}[{n}]", depth + 1)
            for n, (key, item) in enumerate(value.items())
        ]
        if names and TAG not in value:
            return dict(zip(value, items, strict=True))
        return {TAG: ["dict", *keys, *items]}

    def scalar(self, value: Any, path: str) -> object:
        kind = type(value)
        self.count(len(value) if kind is str else 1)
        if kind is str and (found := UNSTORABLE.search(value)):
            raise NotStorable(path, f"Databases refuse {found[0]!a}.", "Remove it from the text.")
        if kind is float and not math.isfinite(value):
            raise NotStorable(path, f"JSON has no word for {value}.", "Pass None, or a string.")
        if kind is int and value.bit_length() > MOST_BITS:
            return {TAG: ["int", self.scalar(hex(value), path)]}
        return value

    def count(self, size: int) -> None:
        # A value that holds one part many times over may be larger than memory when written out.
        self.seen += size
        if self.seen > SLACK * self.limit:
            raise self.too_large(f"more than {self.seen:,}")

    def too_large(self, size: str) -> PayloadTooLarge:
        return PayloadTooLarge(
            f"{self.root} is too large. It takes {size} bytes as JSON, and {self.limit:,} are "
            f"allowed. Keep the data elsewhere, and pass an id, a path or a URL."
        )


class _Form(NamedTuple):
    """Takes a value into parts, None for a ``refusal``; builds it from them, None if unknown."""

    word: str
    parts: Callable[[Any], Iterable[object] | None]
    build: Callable[..., object]
    refusal: tuple[str, str] = ("", "")


def _member_parts(member: Enum) -> tuple[str, str, str] | None:
    parts = (type(member).__module__, type(member).__qualname__, member.name)
    return parts if _member(*parts) is member else None


def _member(module: str, qualname: str, name: str) -> Enum | None:
    # Nothing is imported, and no attribute computed, because a text asks for it.
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, "__dict__", {}).get(part)
    return found.__members__.get(name) if isinstance(found, EnumType) else None


_NAN = ("It is not a number, and so not equal to itself.", "Pass None, or a string.")
_NO_ZONE = ("Its time zone is neither UTC, a fixed offset, nor a ZoneInfo with a key.", "Use one.")
_NO_NAME = ("Its module and class do not lead to it by name.", "Pass the member's value instead.")
_ENUM = _Form("enum", _member_parts, _member, _NO_NAME)

# freezegun replaces the names `date` and `datetime` of a module, but nothing made from them.
_datetime = partial(from_parts, unfrozen(datetime))
FORMS: dict[type, _Form] = {
    tuple: _Form("tuple", iter, lambda *items: items),
    set: _Form("set", iter, lambda *items: set(items)),
    frozenset: _Form("frozenset", iter, lambda *items: frozenset(items)),
    bytes: _Form("bytes", lambda raw: (b64encode(raw).decode(),), b64decode),
    unfrozen(date): _Form("date", lambda day: (day.isoformat(),), unfrozen(date).fromisoformat),
    unfrozen(datetime): _Form("datetime", to_parts, _datetime, _NO_ZONE),
    time: _Form("time", to_parts, partial(from_parts, time), _NO_ZONE),
    timedelta: _Form("timedelta", lambda d: (d.days, d.seconds, d.microseconds), timedelta),
    UUID: _Form("uuid", lambda uuid: (uuid.hex,), UUID),
    Decimal: _Form("decimal", lambda d: None if d.is_nan() else (str(d),), Decimal, _NAN),
    Unavailable: _Form("unavailable", lambda u: (u.type_name, u.reason), Unavailable),
}
_BUILD = {form.word: form.build for form in (*FORMS.values(), _ENUM)} | {
    "dict": lambda *both: dict(zip(both[: len(both) // 2], both[len(both) // 2 :], strict=True)),
    "int": lambda text: int(text, 16),
}


def _unlisted_form(kind: type, path: str) -> _Form:
    if issubclass(kind, Enum):
        return _ENUM
    known = FORMS.keys() | SCALARS | {list, dict}
    base = next((base for base in kind.__mro__ if base in known), None)
    if base in FORMS and kind.__module__ == "freezegun.api":
        return FORMS[base]
    problem, remedy = "which JSON has no word for", "convert it, for instance to a dict"
    if base is not None:
        problem = f"and would come back as a {base.__name__}"
        remedy = f"convert it with {base.__name__}(...)"
    problem = f"It is a {_qualname(kind)}, {problem}."
    raise NotStorable(path, problem, f"Pass an id instead, or {remedy}.")


def _untag(found: dict[str, Any]) -> object:
    if TAG not in found:
        return found
    word, *parts = found[TAG]
    built = _BUILD[word](*parts)
    if built is None:
        raise LookupError(f"No {word} named {'.'.join(parts)} is loaded")
    return built


def _json_encoder() -> Callable[[object], str]:
    encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return encoder.encode
    # What JSONEncoder.encode makes anew for each value, made once.
    quote = json.encoder.encode_basestring
    chunks = make(None, encoder.default, quote, None, ":", ",", False, False, False)
    return lambda value: "".join(chunks(value, 0))


_to_json = _json_encoder()
_scan = json.JSONDecoder().raw_decode
_scan_tags = json.JSONDecoder(object_hook=_untag).raw_decode


def _write_quickly(value: object, limit: int) -> str | None:
    """The text of scalars; None when something is wrong, and the slow way is to say what."""
    try:
        text = _to_json(value)
        size = len(text) if text.isascii() else len(text.encode())
    except (TypeError, ValueError):
        return None
    return text if size <= limit and "\\u0000" not in text else None


def _read(text: str) -> Any:
    try:
        value, end = (_scan_tags if TAG in text else _scan)(text, 0)
    except Exception as error:
        raise _unreadable(f"Reading it raised {error!r}") from error
    if end != len(text):
        raise _unreadable("Something follows its end")
    return value


def _unreadable(problem: str) -> BadOption:
    return BadOption(
        f"The payload cannot be read. {problem}. Enqueue the job again, and let the worker import "
        f"what its payload names."
    )
