"""What a frame is doing, in the words of its own source: "time.sleep", "db.commit"."""

from __future__ import annotations

import ast
import linecache
from itertools import islice
from pathlib import PurePath
from types import CodeType, FrameType

__all__ = ["called_at", "name_of", "place_of"]

LONGEST = 60


def called_at(code: CodeType, instruction: int) -> str | None:
    """What is called or awaited there, without its arguments; None where it is nothing such.

    ``instruction``: as in ``frame.f_lasti``.
    """
    positions = next(islice(code.co_positions(), instruction // 2, None), None)
    if positions is None or None in positions:
        return None
    first, last, begin, end = positions
    if first is None or last is None or first != last:
        return _called(_lines(code, first, last), begin, end)
    return _called(linecache.getline(code.co_filename, first), begin, end)


def place_of(code: CodeType, line: int) -> str:
    """The file and line, as all our messages write it."""
    return f"{PurePath(code.co_filename).name}:{line}"


def name_of(frame: FrameType) -> str:
    """The function of a frame, as its reader would call it."""
    return frame.f_code.co_qualname.rpartition("<locals>.")[2]


def _lines(code: CodeType, first: int | None, last: int | None) -> str:
    if first is None or last is None:
        return ""
    return "".join(linecache.getline(code.co_filename, line) for line in range(first, last + 1))


def _called(text: str, begin: int | None, end: int | None) -> str | None:
    lines = text.encode().splitlines()
    if not lines or begin is None or end is None:
        return None
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][begin:]
    try:
        expression = ast.parse(b"\n".join(lines).decode().strip(), mode="eval").body
    except (SyntaxError, UnicodeDecodeError):
        return None
    awaited = isinstance(expression, ast.Await)
    if isinstance(expression, ast.Await):
        expression = expression.value
    if isinstance(expression, ast.Call):
        expression = expression.func
    elif not awaited:
        return None
    name = ast.unparse(expression)
    return name if len(name) <= LONGEST else f"...{name[-LONGEST:]}"
