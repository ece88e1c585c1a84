"""Every Python block of README, CONTRIBUTING and the documentation does what its page says."""

import pytest

from support.blocks import run_page
from support.source import texts

BELOW = ("README", "CONTRIBUTING", "docs/")
PAGES = [page for page in texts() if page.path.endswith(".md") and page.path.startswith(BELOW)]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_page(page, pytester):
    run_page(page.path, page.text, pytester)
