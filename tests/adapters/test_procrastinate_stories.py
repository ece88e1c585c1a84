"""The stories of the facade are true of the real library on our engine, line by line."""

import pytest

from support.source import ROOT

CONFTEST = """
import procrastinate
import pytest


@pytest.fixture
def taskq_app():
    nowhere = procrastinate.PsycopgConnector(conninfo="host=nowhere.invalid")
    return procrastinate.App(connector=nowhere)
"""
INI = """
[pytest]
asyncio_mode = strict
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""
CONNECTOR = "from pytest_taskq.adapters.procrastinate import TaskqConnector as InMemoryConnector"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["backoff", "durability", "integration", "patterns"])
def test_a_story_passes_with_the_real_library(pytester, name):
    story = (ROOT / f"tests/stories/test_procrastinate_{name}.py").read_text("utf-8")
    story = story.replace("from pytest_taskq.procrastinate", "from procrastinate")
    story = story.replace("import App, InMemoryConnector", f"import App\n{CONNECTOR}")
    assert "pytest_taskq.procrastinate" not in story
    pytester.makeconftest(CONFTEST)
    pytester.makeini(INI)
    pytester.makepyfile(story)
    done = pytester.runpytest_subprocess("-p", "no:django", "-p", "no:cacheprovider")
    outcomes = done.parseoutcomes()
    assert set(outcomes) == {"passed"}
    assert outcomes["passed"] > 5
