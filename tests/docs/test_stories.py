"""Every story is shown in the documentation, and nothing else is."""

import re

from support.source import ROOT


def test_the_page_shows_each_story_once():
    page = (ROOT / "docs" / "stories.md").read_text("utf-8")
    shown = re.findall(r"^```\{literalinclude\} \.\./tests/stories/(.+)$", page, re.MULTILINE)
    assert sorted(shown) == sorted(path.name for path in (ROOT / "tests/stories").glob("test_*.py"))
