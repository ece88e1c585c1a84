"""The page of a run: its data, that it needs nothing else, and what a browser makes of it."""

import asyncio
import json
import os
import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pytest_taskq.core.retry import fixed
from pytest_taskq.testing.html import Page, collect
from support.browser import BROWSER, rendered
from support.engine_app import EngineApp

NASTY = "test_a.py::test[</script><img src=x onerror=alert(1)>]"


class Elements(HTMLParser):
    """The elements of a page, and the text in each script and style."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.texts = {}
        self._in = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self._in = (tag, dict(attrs).get("id"))

    def handle_data(self, data):
        self.texts[self._in] = self.texts.get(self._in, "") + data


def data_of(page: Page):
    return json.loads(Elements(page.text()).texts["script", "taskq-data"])


async def a_day():
    """A test with a retry, a cause, two workers, and a job that is due later."""
    app = EngineApp(start=datetime(2030, 1, 1, 12, tzinfo=UTC))

    @app.task(retry=fixed(attempts=2, delay=timedelta(seconds=10)))
    async def charge(cart):
        if app.clock.time().second == 0:
            raise ConnectionError("the bank is closed")
        await app.add("receipt", cart)
        await app.add("remind", cart, after=86_400)

    app.task(asyncio.sleep, name="receipt")
    app.task(asyncio.sleep, name="remind")
    await app.add("charge", 7)
    live = asyncio.create_task(app.run_forever(workers=2))
    await app.clock.elapse(60)
    live.cancel()
    await asyncio.wait({live})
    return json.dumps(collect([app]))


@pytest.fixture
def page():
    page = Page()
    page.add("test_a.py::test_payment", "passed", 0.1, shown=asyncio.run(a_day()))
    page.add("test_a.py::test_plain", "passed", 0.1)
    return page


def test_the_worst_phase_is_the_outcome_of_a_test():
    page = Page()
    for outcome, message in (
        ("passed", ""),
        ("failed", "assert 1"),
        ("error", "later"),
        ("passed", ""),
    ):
        page.add("a", outcome, 0.5, message=message)
    page.add("b", "skipped", 0)
    page.add("b", "passed", 0)
    assert data_of(page) == [
        {"test": "a", "outcome": "error", "seconds": 2.0, "message": "assert 1"},
        {"test": "b", "outcome": "skipped", "seconds": 0, "message": ""},
    ]
    assert len(page) == 0


def test_the_data_are_those_that_were_collected(page):
    payment, plain = data_of(page)
    assert set(payment["jobs"]) == {"#1", "#2", "#3"}
    assert payment["jobs"]["#2"]["cause"] == "#1"
    assert payment["jobs"]["#3"]["state"] == "queued"
    assert "jobs" not in plain
    assert len(page) == 1


def test_it_needs_nothing_but_itself(page):
    elements = Elements(page.text())
    fetched = [attrs for _, attrs in elements.found if {"src", "href", "srcset"} & attrs.keys()]
    assert fetched == []
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|import\(", page.text())
    assert [tag for tag, _ in elements.found].count("script") == 2
    assert "{{" not in page.text().replace("${{", "")


def test_what_a_test_is_called_cannot_break_out_of_the_data():
    page = Page()
    page.add(NASTY, "failed", 0, message="</script>")
    assert [test["test"] for test in data_of(page)] == [NASTY]
    assert "<img" not in page.text()


def test_half_of_a_surrogate_pair_is_data_like_any_other(tmp_path):
    page = Page()
    page.add("a", "failed", 0, message="\ud800 \U0001f600", shown='{"jobs": {"#1": "\\udfff"}}')
    page.write(tmp_path / "page.html")
    (test,) = data_of(page)
    assert (test["message"], test["jobs"]) == ("\ud800 \U0001f600", {"#1": "\udfff"})


def test_it_is_written_with_the_folders_that_it_is_in(page, tmp_path):
    path = tmp_path / "out" / "jobs" / "page.html"
    page.write(path)
    assert path.read_text("utf-8") == page.text()
    assert list(path.parent.iterdir()) == [path]


def test_a_page_that_cannot_be_written_leaves_the_last_one(page, tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    page.write(path)
    before = path.read_text("utf-8")

    def fill_the_disk(path, data):
        with path.open("wb") as file:
            file.write(data[:10])
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_bytes", fill_the_disk)
    with pytest.raises(OSError, match="no space left"):
        page.write(path)
    assert path.read_text("utf-8") == before
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_file_is_written_to_and_not_replaced(page, tmp_path):
    (tmp_path / "link.html").symlink_to(tmp_path / "page.html")
    page.write(tmp_path / "link.html")
    assert (tmp_path / "link.html").is_symlink()
    assert (tmp_path / "page.html").read_text("utf-8") == page.text()

    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with closing(os.fdopen(reading, "rb")) as pipe:
        page = Page()
        page.text = lambda: "short"
        page.write(tmp_path / "pipe")
        assert pipe.read() == b"short"


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium; the data are tested above")
class TestInABrowser:
    def test_lanes_retries_and_waits_are_drawn(self, page, tmp_path):
        seen = rendered(page.text(), tmp_path)
        assert "2 tests, 1 with jobs" in seen
        assert seen.count('class="bar retry') == 1
        assert seen.count('class="bar succeeded') == 2
        assert seen.count('class="link again') == 1
        assert seen.count('class="dot') == 3
        assert re.search(r">worker-[12]</text>", seen)
        assert ">+10 s</text>" in seen
        assert ">#3 remind in 23 h 59 min</text>" in seen

    def test_a_click_shows_arguments_errors_and_causes(self, page, tmp_path):
        first = "document.querySelector('tr[data-job=\"#1\"]').click();"
        seen = rendered(page.text(), tmp_path, first).partition('<div id="job">')[2]
        for text in ("Job #1 charge", "Arguments", "<dt>cart</dt>", "#2 receipt", "#3 remind"):
            assert text in seen
        assert "Attempt 1 at 12:00:00.000 by worker-" in seen
        assert "took 0 s, again in 10 s" in seen
        assert "ConnectionError: the bank is closed</pre>" in seen

    def test_names_and_messages_are_text_and_nothing_else(self, tmp_path):
        page = Page()
        page.add(NASTY, "failed", 0, message="<b>bold</b>")
        seen = rendered(page.text(), tmp_path)
        assert "&lt;img src=x" in seen
        assert "<img" not in seen
        assert "&lt;b&gt;bold&lt;/b&gt;" in seen

    def test_it_opens_on_the_first_test_that_failed(self, page, tmp_path):
        page.add("test_b.py::test_late", "failed", 0.1, message="too late")
        page.add("test_c.py::test_broken", "error", 0.1, message="no bank")
        opened = rendered(page.text(), tmp_path).partition("<main")[2].partition("</main>")[0]
        assert "test_late" in opened
        assert "too late" in opened

    def test_only_a_test_that_was_chosen_is_kept_when_the_page_is_loaded_again(
        self, page, tmp_path
    ):
        tell = "document.title = `at [${decodeURIComponent(location.hash)}]`;"
        choose = "document.querySelector('nav button').click();"
        assert "<title>at []</title>" in rendered(page.text(), tmp_path, tell)
        chosen = rendered(page.text(), tmp_path, choose + tell)
        assert "<title>at [#test_a.py::test_payment]</title>" in chosen

    def test_a_run_without_tests_is_an_empty_page(self, tmp_path):
        seen = rendered(Page().text(), tmp_path)
        assert "0 tests, 0 with jobs" in seen
