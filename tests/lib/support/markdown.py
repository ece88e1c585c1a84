"""The fenced blocks of a Markdown page, each with its line, its section and its annotation.

An annotation is an HTML comment right above a block, `<!-- block: fails, auto -->`; readers of
the page do not see it.
"""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

FENCE = re.compile(r"^(?P<indent>\s*)(?P<fence>`{3,}|~{3,}|:{3,})\s*(?P<info>.*)$")
HEADING = re.compile(r"^#{1,6}\s+(?P<title>.*?)\s*#*$")
ANNOTATION = re.compile(r"^\s*<!--\s*block:\s*(?P<words>.*?)\s*-->\s*$")
DIRECTIVE = re.compile(r"^\{(code-block|code)\}\s*(?P<language>\S+)")
FILE = re.compile(r"[\w./-]+\.(py|ini|toml|txt|cfg|json)")
WORDS = {"auto", "fails", "page"}


class BadAnnotation(Exception):
    """A word in `<!-- block: ... -->` means nothing."""


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    language: str
    text: str
    line: int  # of the first line inside the fence, counted from 1
    section: int  # how many headings stand above it
    heading: str
    file: str | None = None
    fails: bool = False
    auto: bool = False
    page: bool = False


def parse(page: str) -> list[Block]:
    """Every fenced block of a page, from top to bottom."""
    return list(_blocks(page.splitlines()))


def _blocks(lines: list[str]) -> Iterator[Block]:
    section, heading, words, number = 0, "", "", 0
    frames: list[re.Pattern[str]] = []  # directives around us, each by what closes it
    while number < len(lines):
        line = lines[number]
        number += 1
        if frames and frames[-1].match(line):
            frames.pop()
        elif title := HEADING.match(line):
            section, heading, words = section + 1, title["title"], ""
        elif note := ANNOTATION.match(line):
            words = note["words"]
        elif opening := FENCE.match(line):
            if opening["info"].startswith("{") and not DIRECTIVE.match(opening["info"]):
                frames.append(_closing(opening))
                continue
            inside = _inside(lines, number, opening)
            text = textwrap.dedent("\n".join([*inside, ""]))
            language = _language(opening["info"])
            yield Block(language, text, number + 1, section, heading, **_meaning(words, number))
            number, words = number + len(inside) + 1, ""
        elif line.strip():
            words = ""


def _closing(opening: re.Match[str]) -> re.Pattern[str]:
    fence = opening["fence"]
    return re.compile(rf"^\s*{re.escape(fence[0])}{{{len(fence)},}}\s*$")


def _inside(lines: list[str], start: int, opening: re.Match[str]) -> list[str]:
    closing = _closing(opening)
    for end in range(start, len(lines)):
        if closing.match(lines[end]):
            return lines[start:end]
    return lines[start:]


def _language(info: str) -> str:
    if directive := DIRECTIVE.match(info):
        return directive["language"]
    return info.partition(" ")[0]


def _meaning(words: str, line: int) -> dict[str, object]:
    meaning: dict[str, object] = {}
    for word in filter(None, re.split(r"[,\s]+", words)):
        if word in WORDS:
            meaning[word] = True
        elif FILE.fullmatch(word) and ".." not in word:
            meaning["file"] = word
        else:
            raise BadAnnotation(
                f"line {line}: a block cannot be {word!r}, but auto, fails, page or a file's name"
            )
    return meaning
