"""Runs the Python blocks of a page as their reader would: saved as files, under pytest.

A page becomes few folders and one pytest process for each. A block that holds tests must have
at least one, and they must pass; a block without tests is executed. What an annotation changes:

- `<!-- block: conftest.py -->`, or any file name: the block is saved under that name and is there
  for the other blocks of its section (a section ends at the next heading); with `page` behind
  the name, for all sections of the page.
- `<!-- block: fails -->`: the block must fail. A `text` block right after it is what is seen: its
  lines appear in the output in this order; `*` stands for anything, a line `...` for any lines.
- `<!-- block: auto -->`: pytest-asyncio runs in auto mode (else in strict mode, its default).
"""

import ast
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path, PurePath
from typing import NoReturn

import pytest

from support.markdown import Block, parse

OPTIONS = (
    *("-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist", "-W", "error"),
    *("-o", "asyncio_default_fixture_loop_scope=function"),  # unset, pytest-asyncio warns
)
SLOW_TO_LOAD = {"anyio": "anyio", "hypothesis": "hypothesispytest"}  # plugins by what needs them
SETTINGS = {"pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"}
RUN_PLAINLY = """\
from pathlib import Path

def test_block():
    page = Path(__file__).with_suffix(".txt")
    code = compile(page.read_text("utf-8"), page, "exec")
    exec(code, {"__name__": "block"})
"""


@dataclass
class Folder:
    """What one pytest process sees: its files, and the blocks that must be found among them."""

    auto: bool = False
    fails: bool = False
    seen: str = ""  # what a failing block prints
    files: dict[str, str] = field(default_factory=dict)
    blocks: dict[str, Block] = field(default_factory=dict)  # by the stem of the file

    def add(self, place: str, block: Block) -> None:
        """Save a block as a test file of its own name, its lines numbered as in the page."""
        name = block.file or f"test_line_{block.line}.py"
        padding = "" if block.fails or block.file else "\n" * (block.line - 1)
        if has_tests(block):
            self.files[f"{place}/{name}"] = padding + block.text
        else:
            self.files[f"{place}/test_line_{block.line}.py"] = RUN_PLAINLY
            self.files[f"{place}/test_line_{block.line}.txt"] = padding + block.text
            name = f"test_line_{block.line}.py"
        self.blocks[PurePath(name).stem] = block

    def save(self, path: Path) -> None:
        """Write the files, and say how pytest-asyncio runs unless the page itself says so."""
        for file, text in self.files.items():
            place = path / file
            if place.name in SETTINGS:
                place = path / place.name  # what configures pytest stands where pytest starts
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, "utf-8")
        if not any((path / setting).exists() for setting in SETTINGS):
            mode = "auto" if self.auto else "strict"
            (path / "pytest.ini").write_text(f"[pytest]\nasyncio_mode = {mode}\n", "utf-8")


def run_page(name: str, page: str, pytester: pytest.Pytester) -> None:
    """Run every Python block of a page; fails with the output of those that went wrong."""
    blocks = parse(page)
    for block in blocks:
        if block.language == "toml":
            tomllib.loads(block.text)
    spared = [f"-pno:{plugin}" for word, plugin in SLOW_TO_LOAD.items() if word not in page]
    for number, folder in enumerate(plan(blocks)):
        path = pytester.mkdir(f"page{number}")
        folder.save(path)
        report = path / "report.xml"
        result = pytester.runpytest_subprocess(path, *OPTIONS, *spared, f"--junit-xml={report}")
        _check(name, folder, _outcomes(report), result)


def plan(blocks: list[Block]) -> Iterator[Folder]:
    """Sort the blocks of a page into as few folders as keep them apart."""
    shared = {auto: Folder(auto=auto) for auto in (False, True)}
    for_all = [block for block in blocks if block.page]
    following = dict(zip(map(id, blocks), blocks[1:], strict=False))
    for section, group in groupby(blocks, key=lambda block: block.section):
        members = list(group)
        place = f"section{section}"
        helpers, tests = _sort(members)
        helpers += [block for block in for_all if tests and block not in members]
        files = {f"{place}/{block.file}": block.text for block in helpers}
        alone = {block.file for block in helpers} - {"conftest.py"}
        own = {auto: Folder(auto=auto) for auto in (False, True)} if alone else shared
        for block in tests:
            folder = own[block.auto]
            if block.fails:
                after = following.get(id(block))
                told = after is not None and after.language == "text" and after.section == section
                folder = Folder(auto=block.auto, fails=True, seen=after.text if told else "")
            folder.files |= files
            folder.add(place, block)
            if block.fails:
                yield folder
        if alone:
            yield from (folder for folder in own.values() if folder.blocks)
    yield from (folder for folder in shared.values() if folder.blocks)


def _sort(members: list[Block]) -> tuple[list[Block], list[Block]]:
    """The files that a section provides, and the blocks that are run in it."""
    python = [block for block in members if block.language in {"python", "py"}]
    helpers = [b for b in members if b.file and not (b in python and has_tests(b))]
    tests = [block for block in python if block not in helpers]
    if not tests:  # nobody uses them: they must at least run
        tests = [replace(block, file=None) for block in helpers if block in python]
    return helpers, tests


def has_tests(block: Block) -> bool:
    """Whether pytest would look for tests in this block."""
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and node.name.startswith(("test", "Test"))
        for node in ast.parse(block.text).body
    )


def _check(
    name: str, folder: Folder, outcomes: dict[str, list[str]], result: pytest.RunResult
) -> None:
    for stem, block in folder.blocks.items():
        where = f"{name}, line {block.line}"
        found = outcomes.get(stem, [])
        if not found:
            _complain(f"{where}: no test of this block was run", result)
        if folder.fails and "failed" not in found:
            _complain(f"{where}: this block should fail", result)
        if not folder.fails and set(found) != {"passed"}:
            _complain(f"{where}: this block should pass", result)
    if folder.seen:
        lines = [line for line in folder.seen.splitlines() if line.strip() not in {"", "..."}]
        result.stdout.fnmatch_lines([line.rstrip().replace("[", "[[]") for line in lines])


def _outcomes(report: Path) -> dict[str, list[str]]:
    """The outcomes of the tests of each file, by its stem."""
    outcomes: dict[str, list[str]] = {}
    if report.exists():
        for case in ET.parse(report).getroot().iter("testcase"):
            tags = {child.tag for child in case}
            outcome = "failed" if {"failure", "error"} & tags else "passed"
            for part in case.get("classname", "").split("."):
                outcomes.setdefault(part, []).append("skipped" if "skipped" in tags else outcome)
    return outcomes


def _complain(what: str, result: pytest.RunResult) -> NoReturn:
    pytest.fail(f"{what}\n{result.stdout}\n{result.stderr}", pytrace=False)
