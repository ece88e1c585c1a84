"""The tour does what it says on every store, and not only in memory."""

import pytest

from pytest_taskq.plugin.options import BACKENDS
from support.blocks import run_page
from support.source import ROOT


@pytest.mark.slow
def test_the_tour_on_every_store(pytester, monkeypatch):
    monkeypatch.setenv("TASKQ_BACKEND", ",".join(BACKENDS))
    run_page("docs/tour.md", (ROOT / "docs" / "tour.md").read_text("utf-8"), pytester)
