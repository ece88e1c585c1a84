"""Keeps secrets out of reports: what an argument is called says whether its value is shown."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pytest_taskq.engine.under_test import TaskInfo, Told
from pytest_taskq.testing.binding import parameters_of
from pytest_taskq.testing.text import clip, in_one_line

__all__ = ["HIDDEN", "Redaction", "is_secret"]

HIDDEN = "***"
WORDS = (
    "password|passwd|passphrase|passcode|pwd|secret|token|auth|authorization|credential|cookie"
    "|bearer|apikey|(api|access|private|secret|signing|encryption)_?key|cvc|cvv"
)
SECRET = rf"(^|_)({WORDS})s?(_|$)"
HUMP = r"(?<=[a-z0-9])(?=[A-Z])"
IN_URL = r"(?<=://)[^/\s:@'\"]*:[^/\s@'\"]+(?=@)"
SHORTEST = 4  # what is shorter than this is found in innocent words too
DEEPEST = 8

Redact = Callable[[str, Any], Any]


def is_secret(name: str) -> bool:
    """Whether a value of this name is not to be shown.

    >>> [is_secret(name) for name in ("reset_token", "apiKey", "X-Authorization", "tokenizer")]
    [True, True, True, False]
    """
    words = re.sub(HUMP, "_", name).lower().replace("-", "_")
    return re.search(SECRET, words) is not None


class Redaction:
    """Shows arguments without their secrets.

    ``more(name, value)`` is asked about each named value, inside of dicts too, and gives back
    what is to be shown: the value itself, or another one. What ``is_secret`` stays hidden
    whatever it says, and so does a value on which it raises.
    """

    def __init__(self, more: Redact | None = None) -> None:
        self._more = more

    def arguments(self, told: Told, info: TaskInfo | None = None, width: int = 50) -> str:
        """The arguments as they are written in a call, parentheses included.

        ``info`` tells what arguments given by position are called.
        """
        text = ", ".join(
            f"{name}={in_one_line(value)}" if by_name else in_one_line(value)
            for name, value, by_name in self._shown(told, info)
        )
        return f"({clip(text, width)})"

    def plain(self, told: Told, info: TaskInfo | None = None) -> dict[str, str]:
        """Each argument as text, by its name or its position."""
        return {
            name or f"[{position}]": in_one_line(value)
            for position, (name, value, _) in enumerate(self._shown(told, info))
        }

    def text(self, text: str, told: Told, info: TaskInfo | None = None) -> str:
        """A text, such as the message of an error, without the secrets of its job."""
        for name, value, _ in _named(told, info):
            for secret in self._secrets(name, value):
                text = text.replace(secret, HIDDEN)
        return re.sub(IN_URL, HIDDEN, text)

    def _shown(self, told: Told, info: TaskInfo | None) -> Iterator[tuple[str, Any, bool]]:
        for name, value, by_name in _named(told, info):
            yield name, self._value(name, value), by_name

    def _value(self, name: str, value: Any, depth: int = 0) -> Any:
        value = self._judged(name, value) if depth < DEEPEST else _Hidden()
        parts = _parts(value)
        if parts is not None:
            items = {key: self._value(str(key), part, depth + 1) for key, part in parts.items()}
            return items if type(value) is dict else _Object(type(value).__name__, items)
        if type(value) in {list, tuple, set, frozenset}:
            return type(value)([self._value("", item, depth + 1) for item in value])
        if type(value) is str:
            return re.sub(IN_URL, HIDDEN, value)
        return value

    def _judged(self, name: str, value: Any) -> Any:
        """The value itself where it may be shown."""
        if not name:
            return value
        if is_secret(name):
            return _Hidden()
        try:
            return value if self._more is None else self._more(name, value)
        except Exception:  # noqa: BLE001 - what cannot be judged is not shown
            return _Hidden()

    def _secrets(self, name: str, value: Any, depth: int = 0) -> Iterator[str]:
        if name and self._judged(name, value) is not value:
            yield from _texts(value)
        elif depth < DEEPEST:
            for key, part in (_parts(value) or {}).items():
                yield from self._secrets(str(key), part, depth + 1)
            if type(value) in {list, tuple}:
                for item in value:
                    yield from self._secrets("", item, depth + 1)


class _Hidden:
    """Stands where a secret is."""

    def __repr__(self) -> str:
        return HIDDEN


class _Object:
    """Stands for a dataclass, its fields shown one by one."""

    def __init__(self, name: str, fields: Mapping[Any, Any]) -> None:
        self._text = f"{name}({', '.join(f'{key}={in_one_line(v)}' for key, v in fields.items())})"

    def __repr__(self) -> str:
        return self._text


def _parts(value: Any) -> Mapping[Any, Any] | None:
    """The named parts of a value that has some."""
    if type(value) is dict:
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
    return None


def _texts(value: Any) -> Iterator[str]:
    """The texts within a secret, long enough to be looked for in others."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if isinstance(value, str) and len(value) >= SHORTEST:
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list | tuple | set | frozenset):
        for part in value:
            yield from _texts(part)


def _named(told: Told, info: TaskInfo | None) -> Iterator[tuple[str, Any, bool]]:
    parameters = parameters_of(info)
    names = [] if parameters is None else parameters.positional
    for position, value in enumerate(told.args):
        yield (names[position] if position < len(names) else "", value, False)
    for name, value in told.kwargs.items():
        yield name, value, True
