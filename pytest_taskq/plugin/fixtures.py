"""The fixtures. Sync ones only: what they hand out binds to the loop that first awaits it.

They share the surroundings of their test, which the first of them makes, and do not ask for
one another: a fixture of the user's own with the name of one of ours breaks no other.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pytest_taskq.plugin.apps import own_docket, own_procrastinate, own_soniq
from pytest_taskq.plugin.backends import backend_of, stores_of
from pytest_taskq.plugin.marks import TimeMark, time_mark
from pytest_taskq.plugin.options import read_options
from pytest_taskq.plugin.present import present_item
from pytest_taskq.plugin.report import redaction_of
from pytest_taskq.plugin.strict import check_teardown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_taskq.adapters.procrastinate import TaskqConnector
    from pytest_taskq.docket import Docket
    from pytest_taskq.docket import Worker as DocketWorker
    from pytest_taskq.engine.clock import Clock
    from pytest_taskq.procrastinate import App, InMemoryConnector
    from pytest_taskq.soniq import Soniq
    from pytest_taskq.testing.environment import Environment
    from pytest_taskq.testing.harness import Harness
    from pytest_taskq.testing.thresholds import Thresholds

__all__ = [
    "ENVIRONMENT",
    "docket",
    "environment_of",
    "in_memory_app",
    "in_memory_connector",
    "performance_threshold",
    "procrastinate_worker",
    "procrastinate_writable_models",
    "soniq_app",
    "taskq",
    "taskq_app",
    "taskq_backend",
    "taskq_clock",
    "worker",
]

ENVIRONMENT: pytest.StashKey[Environment] = pytest.StashKey()


def environment_of(
    item: pytest.Item, at_end: Callable[[Callable[[], None]], object]
) -> Environment:
    """The clock and the queues of this test, made at the first call.

    ``at_end`` is told how to close them.
    """
    environment: Environment | None = item.stash.get(ENVIRONMENT, None)
    if environment is None:
        from pytest_taskq.testing.environment import Environment

        mark = time_mark(item)
        if mark is None:
            names = getattr(item, "fixturenames", ())
            mark = TimeMark(mode="held" if "taskq_clock" in names else "auto")
        options = read_options(item.config)
        environment = Environment(
            stores_of(item.config, backend_of(item)),
            mode=mark.mode,
            start=mark.start,
            seed=options.seed,
            chain_limit=options.chain_limit,
            freezer=options.freezer,
            stuck_after=options.stuck_after,
            redaction=redaction_of(item.config),
            timeline=options.timeline != "none",
            collects=bool(options.html),
            escapes=(pytest.fail.Exception, pytest.skip.Exception, pytest.exit.Exception),
        )
        item.stash[ENVIRONMENT] = environment
        at_end(partial(_end, item, environment))
    return environment


def _end(item: pytest.Item, environment: Environment) -> None:
    try:
        try:
            check_teardown(item, environment)
        finally:
            environment.close()
    finally:
        # Items live as long as the run: kept there, each test's tasks would burden all the next.
        del item.stash[ENVIRONMENT]


def _environment() -> Environment:
    item = present_item()
    return environment_of(item, item.addfinalizer)


@pytest.fixture
def taskq_backend() -> str:
    """The name of the backend that this test runs on."""
    return backend_of(present_item())


@pytest.fixture
def taskq_clock() -> Clock:
    """The clock of this test, held: it stands still until ``advance()`` or ``move_to()``."""
    return _environment().clock


@pytest.fixture(scope="session")  # in place of one for each test, which would cost each test more
def taskq_app() -> object:
    """Your own app: override this fixture in conftest.py, in any scope, and return it."""
    return None


@pytest.fixture
def taskq(taskq_app: object) -> Harness:
    """Assertions, drain, perform, plans and figures over whatever queue the test uses."""

    def make() -> Harness:
        from pytest_taskq.testing.harness import Harness

        return Harness(environment)

    environment = _environment()
    own = own_soniq(environment, taskq_app) or own_procrastinate(environment, taskq_app)
    if own is None and taskq_app is not None and not own_docket(environment, taskq_app):
        from pytest_taskq.testing.adopt import under_test

        environment.adopt(under_test(taskq_app))
    return environment.once("harness", make)


@pytest.fixture
def docket() -> Docket:
    """A Docket-style docket, open, empty, and on the clock of this test."""
    return _docket()


@pytest.fixture
def worker() -> DocketWorker:
    """A Docket-style worker on the docket of this plugin."""
    from pytest_taskq.docket.worker import Worker

    return Worker(_docket())


@pytest.fixture
def in_memory_connector(
    taskq_app: object,
) -> InMemoryConnector | TaskqConnector:
    """What holds the jobs of ``in_memory_app``: empty, open, and on the clock of this test."""
    adopted = own_procrastinate(_environment(), taskq_app)
    return _connector() if adopted is None else adopted.connector


@pytest.fixture
def in_memory_app(taskq_app: object) -> App:
    """A Procrastinate-style app, open: your own one on our engine, or else one of ours.

    Your own one is the app of the real library that ``taskq_app`` returns, or Django's. It is
    changed in place for the test, so that tasks bound to it follow.
    """
    adopted = own_procrastinate(_environment(), taskq_app)
    if adopted is not None:
        own: App = adopted.app
        return own
    from pytest_taskq.procrastinate import App

    app = App(connector=_connector())
    _environment().adopt(app.under_test())
    return app


@pytest.fixture
def soniq_app(taskq_app: object) -> Soniq:
    """A Soniq-style app, empty, and on the clock of this test.

    Where ``taskq_app`` returns an app of the real Soniq, that one, on our engine for this test.
    """
    environment = _environment()
    own: Soniq | None = own_soniq(environment, taskq_app)
    if own is not None:
        return own
    from pytest_taskq.soniq import MemoryBackend, Soniq

    app = Soniq(backend=MemoryBackend.on_queue(environment.new_queue()))
    environment.adopt(app.under_test())
    return app


@pytest.fixture
def procrastinate_writable_models() -> Iterator[None]:
    """The models of Procrastinate's Django integration can be written to in this test."""
    from pytest_taskq.adapters.django import writable_models

    with writable_models():
        yield


@pytest.fixture
def procrastinate_worker() -> Callable[..., Any]:
    """Runs the jobs in the real database of a Django project until none is due.

    ``procrastinate_worker()``; in an async test, await it. For tests that commit, such as those
    with ``django_db(transaction=True)`` and ``TransactionTestCase``.
    """
    from pytest_taskq.adapters.django import run_worker

    return run_worker


@pytest.fixture
def performance_threshold() -> Thresholds:
    """Asserts that something is not slower than it may be, in reference jobs."""
    from pytest_taskq.testing.thresholds import Thresholds

    return Thresholds()


def _docket() -> Docket:
    def make() -> Docket:
        from pytest_taskq.docket.docket import Docket

        made = Docket.on_queue(environment.new_queue())
        environment.adopt(made.under_test())
        return made

    environment = _environment()
    return environment.once("docket", make)


def _connector() -> InMemoryConnector:
    def make() -> InMemoryConnector:
        from pytest_taskq.procrastinate import InMemoryConnector

        return InMemoryConnector.on_queue(environment.new_queue())

    environment = _environment()
    return environment.once("connector", make)
