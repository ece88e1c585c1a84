"""The picture and the page of a job's life say what the table of transitions says."""

import re
import runpy

from pytest_taskq.core.job import State
from pytest_taskq.core.transitions import TRANSITIONS
from support.source import ROOT

DOCS = ROOT / "docs"
SCRIPT = runpy.run_path(str(DOCS / "lifecycle_diagram.py"))
TABLE = {
    (verb, before, after)
    for verb, changes in TRANSITIONS.items()
    for before, afters in changes.items()
    for after in afters
}


def test_the_picture_is_the_one_that_the_table_gives():
    found = (DOCS / "lifecycle.svg").read_text("utf-8")
    assert found == SCRIPT["draw"](), "run `python docs/lifecycle_diagram.py`"


def test_the_picture_has_an_arrow_for_each_change_and_no_other():
    arrows = SCRIPT["arrows"]()
    assert {(verb, *ends) for ends, verbs in arrows.items() for verb in verbs} == TABLE
    drawn = re.findall(r'<text class="verb"[^>]*>(.+?)</text>', SCRIPT["draw"]())
    assert sorted(drawn) == sorted(", ".join(verbs) for verbs in arrows.values())


def test_the_page_explains_each_arrow_once():
    page = (DOCS / "lifecycle.md").read_text("utf-8")
    rows = re.findall(r"^\| (\w+) \| (\w+) \| (\w+) \| \S.* \|$", page, re.MULTILINE)
    explained = [
        (verb, State(before), State(after)) for verb, before, after in rows if verb != "verb"
    ]
    assert len(explained) == len(set(explained))
    assert set(explained) == TABLE


def test_the_page_explains_each_state():
    page = (DOCS / "lifecycle.md").read_text("utf-8")
    rows = re.findall(r"^\| (\w+) \| [^|]+ \|$", page, re.MULTILINE)
    assert [row for row in rows if row != "state"] == [state.value for state in State]
