"""Every wish on the page of wishes is answered by a test that exists."""

import ast
import re

import pytest

from support.source import ROOT

PAGE = (ROOT / "docs" / "asks.md").read_text("utf-8")
ROWS = re.findall(r"^\| (\d+) \| (.+) \| (.+) \| `(\S+)::(\S+)` \|$", PAGE, re.MULTILINE)


def test_each_of_the_52_wishes_has_one_line():
    assert [int(number) for number, *_ in ROWS] == list(range(1, 53))
    assert PAGE.count("\n| ") == len(ROWS) + PAGE.count("\n| | asked of")


@pytest.mark.parametrize(("path", "name"), [row[-2:] for row in ROWS])
def test_the_test_that_answers_a_wish_exists(path: str, name: str):
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, functions)}
