"""One story, three tellers: our facade, the real library on its own backend, and on ours."""

import importlib
from types import SimpleNamespace

import pytest
import pytest_asyncio

TELLERS = ("facade", "library", "library on taskq")


def pytest_configure(config):
    config.addinivalue_line("markers", "wrong_in(teller): of whom the story is not true")


def pytest_generate_tests(metafunc):
    if "teller" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("wrong_in")
        wrong = mark.args if mark is not None else ()
        metafunc.parametrize("teller", [each for each in TELLERS if each not in wrong])


@pytest.fixture
def words(teller):
    """The names of the library, or of the facade in its place."""
    root = "pytest_taskq.soniq" if teller == "facade" else "soniq"
    names = {}
    for name in (root, f"{root}.errors", f"{root}.plugin", f"{root}.testing"):
        module = importlib.import_module(name)
        names |= {each: getattr(module, each) for each in dir(module) if each[0] != "_"}
        names |= {each: getattr(module, each) for each in getattr(module, "__all__", ())}
    return SimpleNamespace(**names)


@pytest.fixture
def make(teller, words):
    """An app with these settings."""

    def make(**settings):
        backend = "memory"
        if teller == "library on taskq":
            backend = importlib.import_module("pytest_taskq.adapters.soniq").TaskqBackend()
        return words.Soniq(backend=backend, **settings)

    return make


@pytest_asyncio.fixture
async def app(make, taskq_clock):
    """An app on a clock that stands still."""
    app = make()
    yield app
    await app.close()
